"""Maskinporten, ID-porten and Altinn's authentication, as the emulator plays them."""

from altinn.emulator.identity.client_registry import ClientError
from altinn.emulator.identity.identity_routes import identity_routes
from altinn.emulator.identity.identity_service import Identity, Lifetimes
from altinn.emulator.identity.identity_store import IdentityStore, SqliteIdentityStore
from altinn.emulator.identity.principal import Directory, Person, Principal, SystemUser
from altinn.emulator.identity.register_directory import RegisterDirectory

__all__ = [
    "ClientError",
    "Directory",
    "Identity",
    "IdentityStore",
    "Lifetimes",
    "Person",
    "Principal",
    "RegisterDirectory",
    "SqliteIdentityStore",
    "SystemUser",
    "identity_routes",
]
