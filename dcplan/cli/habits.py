"""What people who know other tools type by habit, and what to type here instead.

One table.  What works here as it does there (``-var``, ``-input=false``, ``-chdir``...) is no row of it.
"""

from __future__ import annotations

from dataclasses import dataclass

ARGUMENT = "ARGUMENT"
"""Typed: a word that no argument takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One thing that is not there, and the way out."""

    typed: str
    """A command (``taint``, ``state replace-provider``), an option (``-lock``), or ``ARGUMENT``."""
    says: str
    """What to do instead, in full sentences."""
    at: tuple[str, ...] = ()
    """Of an option or argument: the commands at which this is said; none: at all."""


HABITS = (
    Habit(typed="help", says="Write dcplan --help, or dcplan COMMAND --help."),
    Habit(typed="force-unlock", says="Write: dcplan state force-unlock"),
    Habit(typed="list", says="Write: dcplan state list, or dcplan workspace list"),
    Habit(typed="mv", says="Write: dcplan state mv"),
    Habit(typed="rm", says="Write: dcplan state rm"),
    Habit(typed="pull", says="Write: dcplan state pull"),
    Habit(typed="push", says="Write: dcplan state push"),
    Habit(typed="taint", says="To make something anew: dcplan plan -replace=ADDRESS"),
    Habit(typed="untaint", says="Nothing is ever marked here: only -replace=ADDRESS makes something anew."),
    Habit(typed="env", says="Write: dcplan workspace"),
    Habit(
        typed="get", says="Providers are Python packages, found once they are installed. Then: dcplan init"
    ),
    Habit(typed="login", says="Providers and state servers use the credentials that your environment has."),
    Habit(
        typed="logout", says="No credentials are kept: providers and state servers use your environment's."
    ),
    Habit(typed="console", says="To look at values: dcplan output, or dcplan show -json"),
    Habit(typed="test", says="To try a document: dcplan validate, and dcplan plan"),
    Habit(typed="query", says="What exists and no state holds: dcplan import -generate"),
    Habit(typed="modules", says="There are no modules. What a document makes: dcplan graph"),
    Habit(typed="metadata", says="What may stand in a document: dcplan schema document"),
    Habit(
        typed="state replace-provider",
        says="A resource keeps its provider. Take it out with dcplan state rm, and in again with an entry "
        "under `import` of the document.",
    ),
    Habit(
        typed="-lock",
        says="A state is always locked while it is written: two runs at once would make things twice. What "
        "only looks, such as plan, takes no lock. To wait for another run: dcplan apply -lock-timeout=10m. "
        "To take the lock from one that hangs: dcplan state force-unlock",
    ),
    Habit(
        typed="-state",
        says="Where the state is stands in the document, under `backend`. Several states of one document: "
        "dcplan workspace new NAME",
    ),
    Habit(typed="-state-out", says="The state stays where it is. For a copy: dcplan state pull"),
    Habit(
        typed="-backup",
        says="A backup is written by every dcplan state mv, rm and push, which say where. For another copy: "
        "dcplan state pull",
    ),
    Habit(typed="-backup-out", says="For a copy of the state: dcplan state pull"),
    Habit(
        typed="-backend",
        at=("init",),
        says="To check a document where its state cannot be reached: dcplan validate, which needs no init.",
    ),
    Habit(typed="-force-copy", says="Write: dcplan init -migrate-state -auto-approve"),
    Habit(
        typed="-get",
        says="Providers are Python packages, installed with pip. Which there are: dcplan providers",
    ),
    Habit(
        typed="-plugin-dir",
        says="Providers are Python packages, installed with pip. Which there are: dcplan providers",
    ),
    Habit(typed="-from-module", says="For a document to start from: dcplan init -example"),
    Habit(
        typed="-ignore-remote-version",
        says="Leave it out: no server of a state has a version of its own.",
    ),
    Habit(
        typed="-auto-approve",
        at=("plan", "validate", "drift", "show", "output"),
        says="Leave it out: this command changes nothing, and asks nothing.",
    ),
    Habit(typed="-force", says="Not to be asked, where a command asks: -auto-approve"),
    Habit(
        typed="-input",
        says="Leave it out, or set DCPLAN_INPUT=false: what asks takes that for no. Not to be asked: "
        "-auto-approve",
    ),
    Habit(
        typed="-out",
        at=("apply",),
        says="To save a plan: dcplan plan -out FILE. To make exactly that one: dcplan apply FILE",
    ),
    Habit(
        typed="-dry-run",
        says="Changes of resources are shown by dcplan plan. What asks shows first what it would do; without "
        "-auto-approve, and where nobody answers yes, that is all.",
    ),
    Habit(typed="-generate-config-out", says="Entries for what exists: dcplan import -generate -out FILE"),
    Habit(
        typed="-config", at=("import",), says="The document of another folder: dcplan -chdir=FOLDER import"
    ),
    Habit(
        typed="-allow-missing-config", says="The document comes first: dcplan import -generate ID writes it."
    ),
    Habit(typed="-module-depth", says="Leave it out: there are no modules."),
    Habit(typed="-draw-cycles", says="Leave it out: what needs what has no cycles."),
    Habit(typed="-no-tests", says="Leave it out: documents have no test files."),
    Habit(typed="-test-directory", says="Leave it out: documents have no test files."),
    Habit(
        typed="-show-sensitive",
        says="Values of sensitive variables are kept in no plan and no state, so there is nothing to show. "
        "Outputs: dcplan output -show-sensitive",
    ),
    Habit(typed="-verbose", says="To see what it does meanwhile: DCPLAN_LOG=debug dcplan plan"),
    Habit(typed="-debug", says="To see what it does meanwhile: DCPLAN_LOG=debug dcplan plan"),
    Habit(typed="-v", says="All versions: dcplan version"),
    Habit(
        typed=ARGUMENT,
        at=("state force-unlock",),
        says="No id is needed: dcplan state force-unlock tells who holds the lock, and asks.",
    ),
    Habit(
        typed=ARGUMENT,
        at=("init", "validate", "plan", "destroy", "refresh", "drift"),
        says="Another folder: dcplan -chdir=FOLDER plan. Another document: dcplan plan -f FILE",
    ),
)


def instead(typed: str, at: str = "") -> str:
    """What to do instead of ``typed`` at the command ``at``; empty where nobody has such a habit."""
    wanted = f"-{typed.lstrip('-')}" if typed.startswith("-") else typed
    told = (habit.says for habit in HABITS if habit.typed == wanted and (not habit.at or at in habit.at))
    return next(told, "")
