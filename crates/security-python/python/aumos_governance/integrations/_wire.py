"""Between the providers' Python objects and the JSON that goes over the wire, on which all rules are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aumos_governance.errors import CallRefusedError

#: Keywords of the providers' methods that are not part of the request.
_NOT_SENT = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})

#: What the plan may have changed, or set.
_BOUNDED = ("max_completion_tokens", "max_tokens", "max_output_tokens", "stream", "stream_options")


def body_of(arguments: Mapping[str, Any]) -> str:
    """The JSON body that a method would send for these keywords. Raises ``TypeError`` for what is of no type that JSON has."""
    body = {name: value for name, value in arguments.items() if name not in _NOT_SENT and not _is_absent(value)}
    extra = arguments.get("extra_body")
    if extra is not None and not _is_absent(extra):
        # The packages let it win over the keywords.
        body.update(extra)
    try:
        return json.dumps(body, default=_plain, allow_nan=False)
    except (ValueError, RecursionError):
        raise CallRefusedError("the request was refused: it cannot be written as JSON") from None


def bounded(arguments: Mapping[str, Any], request: str) -> dict[str, Any]:
    """The keywords with which a method sends ``request``, which was made from them."""
    sent: dict[str, Any] = json.loads(request)
    result = dict(arguments)
    extra = result.get("extra_body")
    overrides = dict(extra) if isinstance(extra, Mapping) else {}
    for name in _BOUNDED:
        for place in (result, overrides):
            place.pop(name, None)
        if name in sent:
            result[name] = sent[name]
    if "extra_body" in result and isinstance(extra, Mapping):
        result["extra_body"] = overrides
    return result


def materialised(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same keywords, with lists for iterables that can be read only once."""
    return {name: list(value) if _is_one_shot(value) else value for name, value in arguments.items()}


def data_of(answer: Any) -> str:
    """An answer or an event as the provider sent it, in JSON. What cannot be read says nothing: ``{}``."""
    try:
        if hasattr(answer, "to_dict"):
            answer = answer.to_dict(mode="json", warnings=False)
        text = json.dumps(answer, default=_attributes, allow_nan=False, ensure_ascii=False)
        # Halves of surrogate pairs are no text to anybody else.
        return text.encode("utf-8", "replace").decode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return "{}"


def _is_absent(value: Any) -> bool:
    """The packages' own words for a keyword that was not given."""
    return type(value).__name__ in ("NotGiven", "Omit")


def _is_one_shot(value: Any) -> bool:
    return isinstance(value, Iterable) and not hasattr(value, "__len__") and not hasattr(value, "model_dump")


def _plain(value: Any) -> Any:
    """What the packages also take in a request: models, and iterables."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return list(value)
    raise TypeError(f"a request cannot hold a {type(value).__name__}")


def _attributes(value: Any) -> Any:
    """What stands in for a model in other people's tests."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    return vars(value)
