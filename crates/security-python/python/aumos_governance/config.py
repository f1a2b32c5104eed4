"""What an engine is made from. Read as strictly as the core reads its own files: by the core itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from aumos_governance._core import _check_configuration
from aumos_governance.errors import ConfigurationError, UnknownArgumentError

if TYPE_CHECKING:
    from typing_extensions import Self

    _Strict = type
else:

    class _Strict(type):
        """Tells an argument that there is not by the name that was probably meant."""

        def __call__(cls, *args: object, **named: object) -> object:
            known = {each.name for each in fields(cls)}
            if args:
                raise UnknownArgumentError(f"{cls.__name__} takes its arguments by name; there are {', '.join(sorted(known))}")
            for name in named:
                if name not in known:
                    raise UnknownArgumentError(_unknown(cls.__name__, name, known))
            return super().__call__(**named)


__all__ = ["AuditConfig", "BudgetConfig", "ConsentConfig", "GovernanceConfig", "TrustConfig"]

_Items = Sequence[Mapping[str, Any]]


class Part(metaclass=_Strict):
    """What the parts have in common: they come from mappings, are checked by the core, and go back to dictionaries."""

    _section: ClassVar[str]

    @classmethod
    def of(cls, given: Any) -> Self:
        """From one of its own, a mapping, an object with ``model_dump`` as pydantic's have, or nothing."""
        if isinstance(given, cls):
            return given
        if given is None:
            return cls()
        return cls.from_dict(_mapping(given, cls.__name__))

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """From a mapping with the same names; names that there are not are errors."""
        named = dict(_mapping(given, cls.__name__))
        for name in named:
            if not isinstance(name, str):
                raise ConfigurationError(f"{cls.__name__} has the key {name!r:.64}, which is no text")
        return cls(**named)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain Python."""
        return {each.name: _thawed(getattr(self, each.name)) for each in fields(self)}  # type: ignore[arg-type]

    def _core(self) -> dict[str, Any]:
        raise NotImplementedError

    def _freeze(self, *names: str) -> None:
        for name in names:
            object.__setattr__(self, name, _frozen(getattr(self, name)))

    def _check(self) -> None:
        _check_configuration(_json({self._section: self._core()}))


@dataclass(frozen=True, kw_only=True)
class TrustConfig(Part):
    """Who may act.

    ``default_level`` is that of agents nobody assigned one to. With ``enable_decay`` a level that is set by hand wears out while nobody
    touches the agent: a step for each ``decay_gradual_days``, and all of it after ``decay_cliff_days``.
    ``tools`` and ``assignments`` are in the words of the core's configuration file.
    """

    default_level: int = 1
    enable_decay: bool = False
    decay_cliff_days: int = 90
    decay_gradual_days: int = 30
    scope_mode: str = "hierarchical"
    tiers: Mapping[str, int] | None = None
    tools: _Items = ()
    assignments: _Items = ()

    _section: ClassVar[str] = "trust"

    def __post_init__(self) -> None:
        _need("default_level", self.default_level, 0, 5)
        _flag("enable_decay", self.enable_decay)
        _need("decay_cliff_days", self.decay_cliff_days, 1, 36_500)
        _need("decay_gradual_days", self.decay_gradual_days, 1, 36_500)
        object.__setattr__(self, "default_level", int(self.default_level))
        self._freeze("tiers", "tools", "assignments")
        self._check()

    def _core(self) -> dict[str, Any]:
        return _without_nothing(
            {
                "default_level": f"L{self.default_level}",
                "scope_mode": self.scope_mode,
                "tiers": self.tiers,
                "tools": self.tools,
                "assignments": self.assignments,
            }
        )


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Part):
    """How much. ``session`` is the fixed template of every session: ``{"tokens": 10000, "calls": 100, "cost_usd": "5.00"}``."""

    allow_overdraft: bool = False
    rollover_on_reset: bool = False
    session: Mapping[str, Any] | None = None
    budgets: _Items = ()
    tools: _Items = ()

    _section: ClassVar[str] = "budget"

    def __post_init__(self) -> None:
        _flag("allow_overdraft", self.allow_overdraft)
        _flag("rollover_on_reset", self.rollover_on_reset)
        self._freeze("session", "budgets", "tools")
        self._check()

    def _core(self) -> dict[str, Any]:
        return _without_nothing(
            {
                "allow_overdraft": self.allow_overdraft,
                "rollover_on_reset": self.rollover_on_reset,
                "session": self.session,
                "budgets": self.budgets,
                "tools": self.tools,
            }
        )


@dataclass(frozen=True, kw_only=True)
class ConsentConfig(Part):
    """On whose data. Without ``default_deny`` what nobody decided is allowed."""

    default_deny: bool = True
    grants: _Items = ()
    tools: _Items = ()

    _section: ClassVar[str] = "consent"

    def __post_init__(self) -> None:
        _flag("default_deny", self.default_deny)
        self._freeze("grants", "tools")
        self._check()

    def _core(self) -> dict[str, Any]:
        return _without_nothing(
            {"default_deny": self.default_deny, "grants": self.grants, "tools": self.tools}
        )


@dataclass(frozen=True, kw_only=True)
class AuditConfig(Part):
    """What happened. ``max_records`` bounds the log in memory; ``None`` keeps all. A log in a directory keeps all."""

    max_records: int | None = 10_000
    namespace: str = "aumos.security-bundle"
    required: bool = True
    level: str = "standard"
    key: str | None = None

    _section: ClassVar[str] = "audit"

    def __post_init__(self) -> None:
        if self.max_records is not None:
            _need("max_records", self.max_records, 1, 2**53)
        _flag("required", self.required)
        if self.key is not None:
            object.__setattr__(self, "key", os.fspath(self.key))
        self._check()

    def _core(self) -> dict[str, Any]:
        return _without_nothing(
            {
                "max_records": self.max_records,
                "namespace": self.namespace,
                "required": self.required,
                "level": self.level,
                "key": self.key,
            }
        )


@dataclass(frozen=True, kw_only=True)
class GovernanceConfig(Part):
    """All of it. Each part may be one of its class, a mapping, or an object with ``model_dump``."""

    trust: TrustConfig = field(default_factory=TrustConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    consent: ConsentConfig = field(default_factory=ConsentConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    data_dir: str | os.PathLike[str] | None = None
    mode: str = "enforce"

    def __post_init__(self) -> None:
        object.__setattr__(self, "trust", TrustConfig.of(self.trust))
        object.__setattr__(self, "budget", BudgetConfig.of(self.budget))
        object.__setattr__(self, "consent", ConsentConfig.of(self.consent))
        object.__setattr__(self, "audit", AuditConfig.of(self.audit))
        if self.data_dir is not None:
            try:
                path = os.fspath(self.data_dir)
            except TypeError:
                raise ConfigurationError(f"data_dir must be a path, not {type(self.data_dir).__name__}") from None
            if not isinstance(path, str) or not path:
                raise ConfigurationError("data_dir must be a path that is a text")
            object.__setattr__(self, "data_dir", path)
        _check_configuration(self.to_core())

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """From a text in TOML, with the names of these classes as tables and keys."""
        _text(text)
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            return cls.from_dict(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigurationError(f"not TOML: {error}") from error

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """The same in YAML. Needs the extra ``yaml``."""
        import yaml

        _text(text)
        try:
            read = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"not YAML: {error}") from error
        return cls.of(read)

    def replace(self, **changes: Any) -> Self:
        """The same with some parts exchanged."""
        for name in changes:
            known = {each.name for each in fields(self)}
            if name not in known:
                raise UnknownArgumentError(_unknown(type(self).__name__, name, known))
        return replace(self, **changes)

    def decay_days(self) -> tuple[int, int] | None:
        """After how many days of idleness a level falls by a step, and falls altogether."""
        trust = self.trust
        if not trust.enable_decay:
            return None
        return min(trust.decay_gradual_days, trust.decay_cliff_days), trust.decay_cliff_days

    def gate(self) -> tuple[str, str] | None:
        """The level and the tool of the one rule that compares levels and looks at nothing else, where there is one."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain Python."""
        return {
            "trust": self.trust.to_dict(),
            "budget": self.budget.to_dict(),
            "consent": self.consent.to_dict(),
            "audit": self.audit.to_dict(),
            "data_dir": self.data_dir,
            "mode": self.mode,
        }

    def to_core(self) -> str:
        """The core's own configuration, as JSON."""
        whole: dict[str, Any] = {
            "trust": self.trust._core(),
            "budget": self.budget._core(),
            "consent": self.consent._core(),
            "audit": self.audit._core(),
            "mode": self.mode,
        }
        if self.data_dir is not None:
            whole["data_dir"] = os.fspath(self.data_dir)
        return _json(whole)


def _mapping(given: Any, what: str) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    dump = getattr(given, "model_dump", None)
    if callable(dump) and not isinstance(given, type):
        # What was left at its default there may have another one here.
        dumped = dump(exclude_unset=True)
        if isinstance(dumped, Mapping):
            return dumped
    raise ConfigurationError(f"{what} is made from a mapping, not from {type(given).__name__}")


def _text(given: Any) -> None:
    if not isinstance(given, str):
        raise TypeError(f"a str is needed, not {type(given).__name__}")


def _unknown(what: str, name: str, known: set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean `{near[0]}`?" if near else f"; there are {', '.join(sorted(known))}"
    return f"{what} has no argument `{name:.64}`{meant}"


def _need(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{name} must be an int, not {type(value).__name__}")
    if not least <= value <= most:
        raise ConfigurationError(f"{name} must be between {least} and {most}")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False, not {type(value).__name__}")


def _without_nothing(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None and value != ()}


def _frozen(value: Any, depth: int = 0) -> Any:
    """The value as nobody can change it, taken once: what becomes of the original changes nothing."""
    if depth > 32:
        raise ConfigurationError("the configuration is nested too deeply, or in itself")
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        value = dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return _Table({key: _frozen(item, depth + 1) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item, depth + 1) for item in value)
    return value


class _Table(Mapping[str, Any]):
    """A mapping that cannot be changed, and can be compared and copied."""

    __slots__ = ("_items",)

    def __init__(self, items: dict[str, Any]) -> None:
        self._items = MappingProxyType(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Any:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(dict(self._items))

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __reduce__(self) -> tuple[type[_Table], tuple[dict[str, Any]]]:
        return _Table, (dict(self._items),)


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_thawed(item) for item in value]
    return value


def _json(whole: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return dict(value)
        isoformat = getattr(value, "isoformat", None)
        if callable(isoformat):
            return isoformat()
        # Decimals, and whatever else writes itself as the text that is meant.
        if type(value).__module__ == "decimal":
            return str(value)
        raise TypeError(f"{type(value).__name__} cannot stand in a configuration")

    try:
        text = json.dumps(whole, default=plain, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"the configuration cannot be read: {error}") from error
    return text
