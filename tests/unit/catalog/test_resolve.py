"""From the names in a document to facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcplan.catalog import (
    Machine,
    build_catalog,
    check_accelerators,
    check_known,
    load_accelerators,
    load_catalog_model,
    load_machines,
    load_offerings,
    resolve_models,
)
from dcplan.config.document import Document

ARCHITECTURE = {"layers": 2, "hidden": 64, "heads": 4, "ffn": 256, "vocab": 1000}


def document(*models: str, **parts: Any) -> Document:
    """A document with one training per model name, called w0, w1 and so on."""
    workloads = {
        f"w{i}": {"kind": "train", "model": model, "tokens": 1e9, "sequence_length": 2048, "global_batch": 64}
        for i, model in enumerate(models)
    }
    return Document.model_validate({"project": "test", "workloads": workloads, **parts}, strict=False)


def machine(**changes: Any) -> Machine:
    """A p5 with changes."""
    return replace(load_machines("aws")["p5.48xlarge"], **changes)


def test_catalogue_names_may_be_used_directly() -> None:
    """A workload names a model of the catalogue without listing it."""
    models = resolve_models(document("llama-3.1-8b", "llama-3.1-8b", "gpt-oss-20b")).unwrap()

    assert {"llama-3.1-8b", "gpt-oss-20b"} == set(models)
    assert load_catalog_model("llama-3.1-8b") == models["llama-3.1-8b"]


def test_models_of_the_document_come_first() -> None:
    """What the document describes under a name is what the name means, even a name of the catalogue."""
    own = {"llama-3.1-8b": {"catalog": "gpt-oss-20b"}}

    models = resolve_models(document("llama-3.1-8b", models=own)).unwrap()

    assert models["llama-3.1-8b"].experts == 32
    assert models["llama-3.1-8b"].name == "llama-3.1-8b"


def test_written_architecture_becomes_a_model() -> None:
    """An architecture in the document is a model whose source says so."""
    model = resolve_models(document("tiny", models={"tiny": {"architecture": ARCHITECTURE}})).unwrap()["tiny"]

    assert (model.name, model.layers, model.head_dim, model.kv_heads) == ("tiny", 2, 16, 4)
    assert "models.tiny" in model.source.name


def test_unused_models_are_not_looked_at() -> None:
    """A model that no workload uses can be wrong without harm."""
    result = resolve_models(document("llama-3.1-8b", models={"spare": {"catalog": "no-such"}}))

    assert result.ok
    assert {"llama-3.1-8b"} == set(result.unwrap())


def test_unknown_model_is_told_at_each_workload() -> None:
    """Every place that has the wrong name is pointed at, with the nearest right one."""
    result = resolve_models(document("llama-3.1-8", "llama-3.1-8", "qwen3-8b"))

    assert not result.ok
    expected = [("workloads", "w0", "model"), ("workloads", "w1", "model")]
    assert expected == [d.path for d in result.diagnostics]
    assert 'Did you mean "llama-3.1-8b"?' in result.diagnostics[0].detail
    assert "w0" not in result.diagnostics[0].summary


def test_unknown_model_is_compared_with_the_documents_own() -> None:
    """A typo in a name of the document is found, too."""
    [found] = resolve_models(document("chatty", models={"chatta": {"catalog": "qwen3-8b"}})).diagnostics

    assert 'Did you mean "chatta"?' in found.detail


def test_name_like_no_other_gets_the_whole_list() -> None:
    """Where nothing is near, the choices are told."""
    [found] = resolve_models(document("zzz")).diagnostics

    assert "gpt-oss-120b" in found.detail


def test_unknown_catalogue_name_is_told_once_where_it_stands() -> None:
    """Two workloads with one misdescribed model make one diagnostic, at the description."""
    result = resolve_models(document("m", "m", models={"m": {"catalog": "qwen3-8"}}))

    [found] = result.diagnostics
    assert found.path == ("models", "m", "catalog")
    assert 'Did you mean "qwen3-8b"?' in found.detail


def test_all_mistakes_are_told_at_once() -> None:
    """One wrong model does not hide another."""
    own = {"m": {"catalog": "no-such"}, "n": {"catalog": "nor-this"}}

    result = resolve_models(document("m", "n", "zzz", models=own))

    assert len(result.diagnostics) == 3


def test_accelerators_may_be_named_by_alias() -> None:
    """Any spelling that the catalogue knows is fine."""
    assert check_accelerators(document("qwen3-8b", constraints={"accelerators": ["h100", "A100-80GB"]})) == ()
    assert check_accelerators(document("qwen3-8b")) == ()


def test_unknown_accelerators_are_told_where_they_stand() -> None:
    """Constraints of the project and of each workload are checked, name by name."""
    doc = document("qwen3-8b", constraints={"accelerators": ["H100", "H10"]})
    train = doc.workloads["w0"]
    limited = train.model_copy(
        update={"constraints": train.constraints.model_copy(update={"accelerators": ("MI300",)})}
    )
    doc = doc.model_copy(update={"workloads": {"w0": limited}})

    found = check_accelerators(doc)

    expected = [("constraints", "accelerators", 1), ("workloads", "w0", "constraints", "accelerators", 0)]
    assert expected == [d.path for d in found]
    assert '"H100"' in found[0].detail
    assert '"MI300X"' in found[1].detail


def test_a_name_that_two_chips_share_gets_both() -> None:
    """A100 comes in two sizes: the user is asked which, not sent to an A10G."""
    [found] = check_accelerators(document("qwen3-8b", constraints={"accelerators": ["A100"]}))

    assert 'Say "A100-40" or "A100-80".' in found.detail


def test_catalogue_data_is_known() -> None:
    """Both clouds' machines and offerings pass together."""
    machines = [*load_machines("aws").values(), *load_machines("gcp").values()]

    assert check_known(machines, [*load_offerings("aws"), *load_offerings("gcp")]) == ()


def test_machine_with_an_unknown_accelerator_is_told() -> None:
    """An inventory's machine must have an accelerator with facts."""
    [found] = check_known([machine(provider="local", accelerator="H999")])

    assert found.code == "unknown-accelerator"
    assert found.path == ("providers", "local")
    assert '"H999"' in found.detail


def test_machine_name_of_two_providers_is_told() -> None:
    """A name that means two things cannot be planned with."""
    [found] = check_known([machine(), machine(provider="local")])

    assert found.code == "machine-name-twice"
    assert found.path == ("providers", "local")


def test_offering_of_an_undescribed_machine_is_told_once() -> None:
    """A provider's gap is one diagnostic, however many zones have it."""
    offerings = [o for o in load_offerings("aws") if o.machine == "p4d.24xlarge"]

    [found] = check_known([machine()], offerings)

    assert '"p4d.24xlarge"' in found.detail


def test_build_catalog_uses_canonical_accelerators() -> None:
    """Whatever alias an inventory uses, planning sees one name."""
    own = machine(name="node", provider="local", accelerator="h100-80gb")

    catalog = build_catalog(load_accelerators(), {"node": own}, {}, [])

    assert catalog.machines["node"].accelerator == "H100"
    assert catalog.machines["node"].accelerator in catalog.accelerators


def test_build_catalog_refuses_what_should_have_been_checked() -> None:
    """Facts that are out of order here are our own bug."""
    with pytest.raises(RuntimeError, match="bug in dcplan"):
        build_catalog(load_accelerators(), {"node": machine(accelerator="H999")}, {}, [])


def test_model_that_its_door_let_through_by_mistake_is_our_bug() -> None:
    """A description without an architecture is no user's fault at this point."""
    with pytest.raises(RuntimeError, match="bug in dcplan"):
        resolve_models(document("m", models={"m": {}}))
