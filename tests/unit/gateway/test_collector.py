"""The collector of cycles waits, and works as before when it has waited."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ibkr_connector.gateway.collector import importing, undisturbed

OLDEST = 2


class Held:
    """Something that the collector looks after."""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.unfreeze()
    gc.enable()


def test_it_waits_and_goes_on() -> None:
    with undisturbed():
        assert not gc.isenabled()
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


def test_who_has_switched_it_off_finds_it_off() -> None:
    gc.disable()
    with importing():
        pass
    assert not gc.isenabled()


def test_what_is_imported_is_old_at_once() -> None:
    with importing():
        held = Held()
    assert any(one is held for one in gc.get_objects(generation=OLDEST))
    assert not gc.get_freeze_count()


def test_garbage_among_it_is_found() -> None:
    with importing():
        held = Held()
        vars(held)["itself"] = held
        known = weakref.ref(held)
        del held
    assert known() is not None
    gc.collect()
    assert known() is None


def test_what_others_have_frozen_stays_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    with importing():
        pass
    assert gc.get_freeze_count() == frozen
