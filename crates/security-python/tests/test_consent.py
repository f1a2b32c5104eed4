"""Consent: row S0-11."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from aumos_governance import (
    ConsentDeniedError,
    ConsentNotFoundError,
    GovernanceEngine,
    InvalidArgumentError,
)


def test_s0_11_blanket_consent_covers_every_purpose_of_that_data() -> None:
    consent = GovernanceEngine().consent
    assert not consent.check_consent("a", "user_email", "notifications").granted
    record = consent.record_consent("a", "user_email", None, "data-owner")
    assert (record.agent_id, record.data_type, record.purpose, record.granted_by) == ("a", "user_email", None, "data-owner")
    for purpose in ("notifications", "anything", None):
        result = consent.check_consent("a", "user_email", purpose)
        assert result.granted is result.allowed is True
        assert result.record and result.record.record_id == record.record_id
    assert not consent.check_consent("a", "user_profile")
    assert not consent.check_consent("b", "user_email")


def test_what_nobody_agreed_to_raises_where_it_is_required() -> None:
    consent = GovernanceEngine().consent
    with pytest.raises(ConsentDeniedError) as caught:
        consent.require_consent("a", "d", "p")
    assert caught.value.code == "CONSENT_DENIED" and not caught.value.result.granted
    consent.record_consent("a", "d", "p", granted_by="ada")
    consent.require_consent("a", "d", "p")


def test_what_is_revoked_is_revoked_at_once() -> None:
    consent = GovernanceEngine().consent
    for purpose in ("p", "q"):
        consent.record_consent("a", "d", purpose, granted_by="ada")
    assert consent.revoke_consent("a", "d", "p", by="ada") == 1
    assert not consent.check_consent("a", "d", "p")
    assert consent.check_consent("a", "d", "q")
    assert [each.purpose for each in consent.list_consents("a")] == ["q"]
    with pytest.raises(ConsentNotFoundError):
        consent.revoke_consent("nobody", "d")
    consent.record_consent("a", "e", None, "ada")
    assert consent.revoke_all_for_agent("a") >= 2
    assert consent.list_consents() == []
    assert not consent.check_consent("a", "e")


def test_consent_ends_when_it_was_said_to_and_is_given_by_somebody_else() -> None:
    consent = GovernanceEngine().consent
    now = datetime.now(timezone.utc)
    record = consent.record_consent("a", "d", "p", "ada", expires_at=now + timedelta(days=1))
    assert record.expires_at == (now + timedelta(days=1))
    for arguments in ({"granted_by": "a"}, {"granted_by": None}, {"granted_by": "ada", "expires_at": datetime(2030, 1, 1)}):
        with pytest.raises(InvalidArgumentError):
            consent.record_consent("a", "d", "p", **arguments)  # type: ignore[arg-type]


def test_without_default_deny_what_nobody_decided_is_allowed() -> None:
    engine = GovernanceEngine({"consent": {"default_deny": False}})
    assert engine.consent.check_consent("a", "d", "p").granted
