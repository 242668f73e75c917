"""What people type by habit from other tools: it works, or they are told what to do instead."""

from __future__ import annotations

import importlib
import re

import click
import pytest
from click.testing import CliRunner

from dcplan.cli.habits import ARGUMENT, HABITS, Habit
from dcplan.cli.main import COMMANDS, cli

NAMED = re.compile(r"dcplan (?:-chdir=FOLDER )?([a-z][a-z-]*(?: [a-z][a-z-]*)?)((?: -[a-z-]+)*)")
"""A command in an answer, with the options that stand right behind it."""

WORKS = {
    "init": ("-input", "-upgrade", "-reconfigure", "-migrate-state", "-backend-config", "-lockfile", "-json"),
    "validate": ("-var", "-var-file", "-json"),
    "plan": (
        "-var",
        "-var-file",
        "-input",
        "-compact-warnings",
        "-lock-timeout",
        "-out",
        "-target",
        "-replace",
    ),
    "apply": ("-auto-approve", "-var", "-input", "-compact-warnings", "-lock-timeout", "-parallelism"),
    "destroy": ("-auto-approve", "-var", "-input", "-target", "-lock-timeout"),
    "refresh": ("-auto-approve", "-var", "-input", "-lock-timeout"),
    "output": ("-raw", "-json", "-show-sensitive"),
    "fmt": ("-check", "-diff", "-list", "-write", "-recursive"),
    "graph": ("-type", "-plan"),
}
"""What is typed as it is for Terraform."""


def command_of(words: str) -> click.Command:
    """The command of that name, or the one in a group."""
    found: click.Command = cli
    for word in words.split():
        assert isinstance(found, click.Group), words
        inside = found.get_command(click.Context(found), word)
        assert inside is not None, words
        found = inside
    return found


def options_of(command: click.Command) -> set[str]:
    """Every spelling of its options."""
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts}


def typed(habit: Habit) -> list[list[str]]:
    """The command lines on which it is typed."""
    if habit.typed == ARGUMENT:
        return [[*at.split(), "something"] for at in habit.at]
    if habit.typed.startswith("-"):
        places = habit.at or ("plan", "state list", "state mv")
        without = [at for at in places if habit.typed not in options_of(command_of(at))]
        spelled = (habit.typed, f"{habit.typed}=x", f"-{habit.typed}", f"-{habit.typed}=x")
        assert without
        return [[*at.split(), word] for at in without for word in spelled]
    return [habit.typed.split()]


@pytest.mark.parametrize("habit", HABITS, ids=lambda h: f"{h.typed}{'@' + h.at[0] if h.at else ''}")
def test_each_habit_is_answered_with_the_way_out(habit: Habit) -> None:
    """With one hyphen or two, with a value or without: the answer is shown, and nothing is done."""
    for words in typed(habit):
        done = CliRunner().invoke(cli, words)

        assert done.exit_code == 1, words
        assert habit.says in done.stderr, words


@pytest.mark.parametrize("habit", HABITS, ids=lambda h: f"{h.typed}{'@' + h.at[0] if h.at else ''}")
def test_answers_name_what_there_is(habit: Habit) -> None:
    """Each command and option in an answer exists; else it would lead from one error to the next."""
    for words, options in NAMED.findall(habit.says):
        group = words.split()[0]
        inside = isinstance(command_of(group), click.Group) and len(words.split()) > 1
        command = command_of(words if inside else group)

        assert set(options.split()) <= options_of(command) | {"--help"}, (words, options)


def test_no_row_stands_before_what_works() -> None:
    """No row names a command that there is, or an option where it is one."""
    for habit in HABITS:
        assert habit.typed not in COMMANDS
        assert all(habit.typed not in options_of(command_of(at)) for at in habit.at)


@pytest.mark.parametrize("name", WORKS)
def test_what_works_as_in_terraform_has_the_same_name(name: str) -> None:
    """These options are there, so nobody has to learn another word."""
    module = importlib.import_module(f"dcplan.cli.commands.{name}")

    assert set(WORKS[name]) <= options_of(module.command)


def test_an_option_of_another_command_is_told_with_that_command() -> None:
    """``plan -upgrade`` says that init has it."""
    done = CliRunner().invoke(cli, ["plan", "-upgrade"])

    assert "There is no option -upgrade. It belongs to: dcplan init" in done.stderr


def test_an_unknown_option_is_not_taken_for_a_short_one_and_its_value() -> None:
    """``-force`` is no file called orce; a path right behind ``-f`` still is one."""
    forced = CliRunner().invoke(cli, ["destroy", "-force"])
    file = CliRunner().invoke(cli, ["plan", "-fnowhere.yaml"])

    assert "There is no option -force." in forced.stderr
    assert "Path 'nowhere.yaml' does not exist" in file.stderr


def test_an_import_as_elsewhere_is_told_as_an_entry() -> None:
    """``import ADDRESS ID`` is answered with the line of the document that does it."""
    done = CliRunner().invoke(cli, ["import", "local.machine.a-0", "m-1"])

    assert "import: [{to: local.machine.a-0, id: m-1}]" in done.stderr
    assert done.exit_code == 1
