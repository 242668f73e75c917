"""What is said when AWS does not tell all that a refresh asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, error, listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PATH = ("providers", "aws")


def short(problem: Exception) -> str:
    """What was refused: the service's code and the operation, or what came instead of an answer."""
    cause = problem.__cause__ or problem
    answer = getattr(cause, "response", None)
    if answer is None:
        return f"{type(cause).__name__}: {cause}".rstrip(".")
    return f"{answer.get('Error', {}).get('Code', 'unknown')} on {getattr(cause, 'operation_name', '?')}"


def refusals(denied: Mapping[str, Sequence[str]]) -> Iterator[Diagnostic]:
    """A warning for each sort of question that was not answered, with the regions where."""
    for what, regions in denied.items():
        detail = (
            f"AWS did not tell {what} in {listed(sorted(regions))}; there the catalogue stays as it was. The "
            "permissions that a refresh needs are in docs/catalog.md."
        )
        yield warning("catalog-partly", "Not everything could be asked", detail, path=PATH, on_key=True)


def unanswered(problem: Exception) -> Diagnostic:
    """AWS cannot be asked at all."""
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - slow, and only a refresh asks

    if isinstance(problem.__cause__, NoCredentialsError):
        detail = (
            "AWS was not asked, because there are no credentials. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, run `aws sso login`, or name a profile in AWS_PROFILE."
        )
    else:
        detail = (
            f"AWS did not say which regions the account may use: {short(problem)}. See that the network is "
            "there and the credentials are valid, and that they allow ec2:DescribeRegions."
        )
    return error("catalog-unanswered", "The cloud cannot be asked", detail, path=PATH, on_key=True)


def nothing(regions: Sequence[str]) -> Diagnostic:
    """Every region was refused."""
    where = listed(list(regions)) or "no region"
    detail = f"AWS told nothing of {where}. The catalogue stays as it was."
    return error("catalog-unanswered", "The cloud cannot be asked", detail, path=PATH, on_key=True)
