"""Lists of machines as CSV."""

from __future__ import annotations

from pathlib import Path

from dcplan.catalog.fleet import FleetNode
from dcplan.catalog.fleet_rows import read_fleet


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    file = folder / "nodes.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_plain_names_are_read(tmp_path: Path) -> None:
    """Columns named as the noun's fields give its fields, wherever they stand."""
    text = "zone,rack,block,memory_mib,cpu_milli,devices,model,name\nz1,r1,b1,4096,8000,2,H100,a\n"

    fleet = read_fleet(written(tmp_path, text)).unwrap()

    expected = FleetNode(
        name="a", model="H100", devices=2, cpu_milli=8000, memory_mib=4096, rack="r1", block="b1", zone="z1"
    )
    assert fleet.nodes == (expected,)


def test_names_of_the_trace_are_read(tmp_path: Path) -> None:
    """The columns of openb are known; a machine without accelerators has no model."""
    text = "sn,cpu_milli,memory_mib,gpu,model\na,8000,4096,1,T4\nb,8000,4096,0,\n"

    fleet = read_fleet(written(tmp_path, text)).unwrap()

    assert [(n.name, n.devices, n.model) for n in fleet.nodes] == [("a", 1, "T4"), ("b", 0, "")]


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    """Each problem has its code, line and column."""
    text = "sn,gpu,model,cpu_milli,memory_mib\na,1,,5,x\na,-1,T4,1.5,3\n,0,,1,1\n"

    result = read_fleet(written(tmp_path, text))

    places = [(d.code, d.range.line, d.range.column) for d in result.diagnostics if d.range]
    assert result.value is None
    assert sorted(places) == [
        ("bad-cell", 2, 8),
        ("bad-cell", 3, 3),
        ("bad-cell", 3, 9),
        ("no-model", 2, 5),
        ("no-name", 4, 1),
        ("node-twice", 3, 1),
    ]


def test_a_missing_column_is_told_with_its_names(tmp_path: Path) -> None:
    """A file without the machines' memory is refused, and the nearest column named."""
    result = read_fleet(written(tmp_path, "name,devices,cpu_milli,memory_mb\n"))

    assert [d.code for d in result.diagnostics] == ["column-missing"]
    assert "memory_mib" in result.diagnostics[0].detail
    assert 'Did you mean "memory_mb"?' in result.diagnostics[0].detail


def test_many_problems_of_a_sort_are_counted(tmp_path: Path) -> None:
    """Beyond twenty of one sort there is one line that says how many more there are."""
    rows = "".join(f"n{i},1,T4,bad,1\n" for i in range(30))

    result = read_fleet(written(tmp_path, "name,devices,model,cpu_milli,memory_mib\n" + rows))

    assert len(result.diagnostics) == 21
    assert "10 further rows" in result.diagnostics[-1].detail


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 end in a diagnostic."""
    file = tmp_path / "nodes.csv"
    file.write_bytes(b"\xff\xfe\x00")

    assert [d.code for d in read_fleet(file).diagnostics] == ["list-not-read"]


def test_a_list_of_a_local_data_centre_is_read(tmp_path: Path) -> None:
    """Its names are known: what is free is what the fleet has, the kind of machine stands for the model."""
    text = (
        "name,machine,zone,block,rack,free_devices,free_vcpus,free_memory\n"
        "a,h100x8,z,b,r,7,176,1977152MiB\nb,h100x8,z,b,r,0,12,2TiB\n"
    )

    fleet = read_fleet(written(tmp_path, text)).unwrap()

    assert fleet.leftover
    assert [(n.model, n.devices, n.cpu_milli, n.memory_mib) for n in fleet.nodes] == [
        ("h100x8", 7, 176_000, 1_977_152),
        ("", 0, 12_000, 2 << 20),
    ]


def test_an_empty_cell_of_what_is_free_means_all(tmp_path: Path) -> None:
    """Beside columns with all that a machine has, empty cells of what is free take those."""
    text = (
        "host,accelerator,machine,devices,free_gpus,vcpus,free_cpus,memory,free_memory\n"
        "a,H100,big,8,,64,,1GiB,\nb,H100,big,8,3,64,5,1GiB,512MiB\n"
    )

    fleet = read_fleet(written(tmp_path, text)).unwrap()

    assert [(n.model, n.devices, n.cpu_milli, n.memory_mib) for n in fleet.nodes] == [
        ("H100", 8, 64_000, 1024),
        ("H100", 3, 5000, 512),
    ]


def test_a_list_with_all_of_the_machines_is_not_what_is_left(tmp_path: Path) -> None:
    """Whole amounts in the other words are whole amounts."""
    fleet = read_fleet(written(tmp_path, "name,accelerator,devices,vcpus,memory\na,H100,8,64,1TiB\n"))

    assert not fleet.unwrap().leftover


def test_wrong_amounts_of_either_sort_are_told(tmp_path: Path) -> None:
    """Memory without a unit, half a processor, and more free than there is are told at their cells."""
    text = "name,machine,devices,free_devices,vcpus,memory\na,x,4,5,1.5,12\n"

    result = read_fleet(written(tmp_path, text))

    places = [(d.code, d.range.column) for d in result.diagnostics if d.range]
    assert sorted(places) == [("bad-cell", 9), ("bad-cell", 13), ("more-free-than-there", 7)]


def test_every_spelling_of_a_missing_column_is_told(tmp_path: Path) -> None:
    """One error names all that is missing, in either vocabulary."""
    result = read_fleet(written(tmp_path, "name,free_vcpu\n"))

    (said,) = result.diagnostics
    assert all(word in said.detail for word in ("free_devices", "free_vcpus", "free_memory", "memory_mib"))
