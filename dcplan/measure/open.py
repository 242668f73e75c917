"""Choose the software and the device to measure."""

from __future__ import annotations

import importlib
import importlib.util

from dcplan.diag import Result, error
from dcplan.measure.backend import Backend

BACKENDS = ("auto", "torch", "numpy")
DEVICES = ("auto", "cpu", "cuda")


def open_backend(backend: str = "auto", device: str = "auto") -> Result[Backend]:
    """The backend of these names, of ``BACKENDS`` and ``DEVICES``.

    ``auto`` takes PyTorch where it is installed and an accelerator where
    PyTorch sees one.  Errors where what was asked for is not there.
    """
    asks_torch = backend == "torch" or (backend == "auto" and device == "cuda")
    if backend == "numpy":
        return _numpy(device)
    if importlib.util.find_spec("torch") is None:
        return _no_torch() if asks_torch else _numpy(device)
    try:
        # Named, not imported above: PyTorch takes seconds to import, and is an extra.
        module = importlib.import_module("dcplan.measure.torch_backend")
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as problem:
        # Installed, but for another machine: a library of it cannot be loaded.
        return _broken_torch(problem) if asks_torch else _numpy(device)
    sees_cuda = bool(torch.cuda.is_available())
    if device == "cuda" and not sees_cuda:
        detail = (
            f"PyTorch {torch.__version__} sees no GPU on this machine: either there is none, "
            "its driver is missing, or this PyTorch was built for CPUs only. "
            "Use -device cpu to measure the processor."
        )
        return Result(None, (error("no-device", "There is no such device", detail),))
    kind = "cuda" if device == "cuda" or (device == "auto" and sees_cuda) else "cpu"
    opened: Backend = module.TorchBackend(kind)
    return Result(opened)


def _numpy(device: str) -> Result[Backend]:
    if device == "cuda":
        detail = "numpy calculates on the processor only. Use -backend torch for a GPU, or -device cpu."
        return Result(None, (error("no-device", "There is no such device", detail),))
    from dcplan.measure.numpy_backend import NumpyBackend  # noqa: PLC0415 - numpy is slow to import

    return Result(NumpyBackend())


def _no_torch() -> Result[Backend]:
    detail = (
        "PyTorch is not installed in this environment, and without it only the processor can be measured. "
        "Install it with: pip install 'dcplan[measure]', or measure the processor with "
        "-backend numpy -device cpu."
    )
    return Result(None, (error("no-torch", "PyTorch is missing", detail),))


def _broken_torch(problem: Exception) -> Result[Backend]:
    said = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    detail = (
        f"PyTorch is installed, but cannot be loaded: {said}. Install one that fits this machine, "
        "or measure the processor with -backend numpy -device cpu."
    )
    return Result(None, (error("no-torch", "PyTorch is missing", detail),))
