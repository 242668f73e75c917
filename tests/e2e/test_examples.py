"""The examples are right: editors can check them, and dcplan plans them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from dcplan.cli.main import COMMANDS, cli
from dcplan.provider.catalogued import CataloguedProvider
from dcplan_aws import AwsProvider

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "examples").glob("*/dcplan.yaml"))
SCHEMAS = [
    *((path, "document.v1") for path in DOCUMENTS),
    *((path, "inventory.v1") for path in sorted((ROOT / "examples").glob("*/datacenter.yaml"))),
]
LOCAL = [one for one in DOCUMENTS if set(yaml.safe_load(one.read_text())["providers"]) == {"local"}]
"""Those that can be applied."""
FREE_RACKS = 2


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def enter_copy(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's folder, which is the current one."""
    folder = tmp_path / document.parent.name
    shutil.copytree(document.parent, folder, ignore=shutil.ignore_patterns(".dcplan"))
    monkeypatch.chdir(folder)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV, by its columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_are_examples() -> None:
    """The tests below are about something, on clouds and on data centres."""
    assert DOCUMENTS
    assert LOCAL
    assert len(LOCAL) < len(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_an_example_is_told_of(document: Path) -> None:
    """The list of examples leads to it, and its page names commands that exist."""
    name = document.parent.name
    page = (document.parent / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^    dcplan (?:-chdir=\S+ )?(\w+)", page, re.MULTILINE))

    assert f"]({name})" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert f"# {name[:2]}: " in page
    assert "plan" in commands
    assert commands <= set(COMMANDS)


@pytest.mark.parametrize(("document", "name"), SCHEMAS)
def test_an_example_names_its_schema_and_fits_it(document: Path, name: str) -> None:
    """The first line leads editors to the schema, and the file is valid by it."""
    text = document.read_text(encoding="utf-8")
    mark, _, reference = text.splitlines()[0].partition("$schema=")
    schema = document.parent / reference
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))

    assert mark == "# yaml-language-server: "
    assert schema.resolve() == ROOT / "schemas" / f"{name}.json"
    # YAML 1.1 makes dates of dates; editors, and dcplan, read YAML 1.2, where they are text.
    data = json.loads(json.dumps(yaml.safe_load(text), default=str))
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_an_example_can_be_planned(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the folder is valid and plans without errors, every workload placed, at a proven cost."""
    enter_copy(document, tmp_path, monkeypatch)
    checked = dcplan("validate")
    done = dcplan("plan", "-json")
    data = json.loads(done.stdout)

    assert checked.exit_code == 0, checked.output
    assert done.exit_code == 0, done.stdout
    assert [d for d in data["diagnostics"] if d["severity"] == "error"] == []
    assert {w["name"] for w in data["workloads"]} == set(yaml.safe_load(document.read_text())["workloads"])
    assert data["solver"]["gap"] <= 0.005
    assert data["usd_per_h"] > 0


@pytest.mark.parametrize("document", LOCAL, ids=lambda path: path.parent.name)
def test_an_example_lives_a_whole_life(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is applied to the simulated data centre, then nothing is left to change, and all is destroyed."""
    enter_copy(document, tmp_path, monkeypatch)
    applied = dcplan("apply", "-auto-approve", "-json")
    again = dcplan("plan", "-detailed-exitcode")
    destroyed = dcplan("destroy", "-auto-approve", "-json")

    assert applied.exit_code == 0, applied.output
    assert again.exit_code == 0, again.output
    assert destroyed.exit_code == 0, destroyed.output
    assert json.loads(dcplan("state", "list", "-json").stdout)["addresses"] == []


def test_the_mixed_fleet_needs_unlike_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its replicas are of several kinds on several accelerators, and with one kind there is no plan."""
    folder = enter_copy(ROOT / "examples" / "04-mixed-fleet" / "dcplan.yaml", tmp_path, monkeypatch)
    kinds = json.loads(dcplan("plan", "-json").stdout)["workloads"][0]["mix"]["kinds"]
    text = (folder / "dcplan.yaml").read_text(encoding="utf-8")
    (folder / "dcplan.yaml").write_text(text.replace("mixed: auto", "mixed: never"), encoding="utf-8")

    assert len({kind["candidate"]["accelerator"] for kind in kinds}) == len(kinds) > 1
    assert dcplan("plan").exit_code == 1


def test_gangs_keep_to_few_racks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that is larger than a rack stays in one block, others have one rack each; people read that."""
    enter_copy(ROOT / "examples" / "05-gangs-on-a-fabric" / "dcplan.yaml", tmp_path, monkeypatch)
    changes = json.loads(dcplan("plan", "-json").stdout)["changes"]
    shown = dcplan("plan").stdout
    made = {change["address"].rsplit(".", 1)[-1]: change["after"]["attributes"] for change in changes}
    racks = {
        name: [made[machine]["rack"] for machine in job["machines"]]
        for name, job in made.items()
        if name.endswith("-0") and "machines" in job
    }

    assert {name: len(set(where)) for name, where in racks.items()} == {
        "large-0": 3,
        "medium-0": 1,
        "small-a-0": 1,
        "small-b-0": 1,
    }
    assert len({rack.rpartition("/")[0] for rack in racks["large-0"]}) == 1
    assert re.search(r"ranks +machines 1-4 in (\S+), 5-8 in (?!\1)\S+, 9 in ", shown)


def test_points_of_a_front_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans that differ only in how many replicas are where say how many these are."""
    enter_copy(ROOT / "examples" / "03-carbon-capped" / "dcplan.yaml", tmp_path, monkeypatch)
    done = dcplan("plan", "-pareto", "cost,carbon", "-points", "2")

    assert done.exit_code == 0, done.output
    assert len(re.findall(r"chat: \d+ x .*?embed:", done.stdout, re.DOTALL)) > 1
    assert re.search(r"europe-\S+ \(\d+\),", done.stdout)


def test_what_nobody_knows_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where power or carbon is unknown, the plan says of which machines."""
    enter_copy(ROOT / "examples" / "06-tpu-slices" / "dcplan.yaml", tmp_path, monkeypatch)

    assert "unknown. Not known of cubes/pod01/v5p-host" in dcplan("plan").stdout


def test_spot_stays_above_its_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 60% of the replicas are on spot machines, in no zone more of these than there are spares."""
    enter_copy(ROOT / "examples" / "08-spot-with-floor" / "dcplan.yaml", tmp_path, monkeypatch)
    placed = json.loads(dcplan("plan", "-json").stdout)["workloads"][0]
    on_spot = {a["pool"]: a["replicas"] for a in placed["allotments"] if a["pool"].endswith("/spot")}
    replicas = sum(a["replicas"] for a in placed["allotments"])

    assert 0 < sum(on_spot.values()) <= 0.6 * replicas
    assert max(on_spot.values()) <= placed["candidate"]["spares"]


def test_the_lists_of_the_existing_data_centre_agree() -> None:
    """What is free of each machine is what its jobs leave."""
    folder = ROOT / "examples" / "07-existing-data-centre"
    used: Counter[str] = Counter()
    for job in rows_of(folder / "jobs.csv"):
        for machine in job["on"].split("|"):
            used[machine] += int(job["devices"])
    left = {row["name"]: int(row["devices"]) - used[row["name"]] for row in rows_of(folder / "nodes.csv")}

    assert {row["name"]: int(row["free_devices"]) for row in rows_of(folder / "free.csv")} == left


def test_racks_of_the_existing_data_centre_are_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two whole racks are free after so many moves as are proven to be needed, and a third cannot be."""
    enter_copy(ROOT / "examples" / "07-existing-data-centre" / "dcplan.yaml", tmp_path, monkeypatch)
    lists = ("defrag", "-nodes", "nodes.csv", "-jobs", "jobs.csv", "-slice", "all")
    told = json.loads(dcplan(*lists, "-free", f"{FREE_RACKS}", "-o", "moves.csv", "-json").stdout)

    assert (len(told["slices"]), told["slices_before"], told["proven"]) == (FREE_RACKS, 0, True)
    assert len({row["step"] for row in rows_of(Path("moves.csv"))}) == len(told["moves"]) == told["bound"]
    assert dcplan(*lists, "-free", f"{FREE_RACKS + 1}").exit_code == 1


def test_few_free_machines_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices that are parts of racks are told with their machines; a limit of moves says what it leaves."""
    enter_copy(ROOT / "examples" / "07-existing-data-centre" / "dcplan.yaml", tmp_path, monkeypatch)
    lists = ("defrag", "-nodes", "nodes.csv", "-jobs", "jobs.csv", "-free", "2")
    few = dcplan(*lists, "-slice", "4")
    limited = dcplan(*lists, "-slice", "all", "-max-moves", "9")

    assert re.search(r"Free then: r\d \((r\d-n\d, ){3}r\d-n\d\) and r\d \(", few.stdout)
    assert "after which 1 slice can be free" in " ".join(limited.stderr.split())


def test_tonight_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all accelerators are given out, within one of the bound, and what is refused has a reason."""
    enter_copy(ROOT / "examples" / "07-existing-data-centre" / "dcplan.yaml", tmp_path, monkeypatch)
    lists = ("pack", "-nodes", "nodes.csv", "-jobs", "tonight.csv")
    done = dcplan(*lists, "-o", "seats.csv", "-json")
    told = json.loads(done.stdout)
    shown = dcplan(*lists).stdout

    assert done.exit_code == 0, done.output
    assert told["bound_devices"] - told["allocated_devices"] <= 1
    assert {one["job"] for one in told["refused"]} >= {"huge-1"}
    assert all(one["says"] for one in told["refused"])
    assert re.search(r"\(batch-\d+ and \d+ more\)", shown)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_an_example_is_left_as_it_was_written(document: Path) -> None:
    """Nobody has applied inside the repository."""
    assert not (document.parent / ".dcplan").exists()


def test_clouds_that_only_plan_say_so_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apply on them ends with an error for each, without a question and without a trace."""
    folder = tmp_path / "clouds"
    shutil.copytree(ROOT / "examples" / "08-spot-with-floor", folder)
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.chdir(folder)
    monkeypatch.setattr(AwsProvider, "info", CataloguedProvider.info)

    done = CliRunner().invoke(cli, ["apply"], input="yes\n", catch_exceptions=False)

    assert done.exit_code == 1
    assert done.output.count("A provider cannot apply yet") == 1
    assert "Shall dcplan" not in done.output
    assert sorted(path.name for path in folder.iterdir()) == before
