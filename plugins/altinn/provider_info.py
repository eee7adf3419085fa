"""What Airflow reads about this provider: the connection form, the buttons, the classes. Imports nothing of Airflow.

The form's fields are the keys of `extra` that `altinn.protocol.connection_fields` knows. Airflow takes a field whose
type allows null as optional; `multiline` keeps the line breaks of a PEM, which `password` would turn into blanks.
"""

from __future__ import annotations

from typing import Any

Field = dict[str, Any]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the shape of Airflow's provider_info.schema.json."""
    name = "Altinn"
    return {
        "package-name": "airflow-provider-altinn",
        "name": name,
        "description": "Files periodic reports with Norway's public authorities through Altinn 3.",
        "integrations": [
            {"integration-name": name, "external-doc-url": "https://docs.altinn.studio/", "tags": ["service"]}
        ],
        "hooks": [{"integration-name": name, "python-modules": ["altinn.hooks.altinn_hook"]}],
        "operators": [{"integration-name": name, "python-modules": _modules("operators", _OPERATORS)}],
        "sensors": [{"integration-name": name, "python-modules": _modules("sensors", _SENSORS)}],
        "triggers": [
            {
                "integration-name": name,
                "python-modules": _modules("triggers", ("instance_trigger", "login_trigger", "pause_trigger")),
            }
        ],
        "extra-links": ["altinn.links.instance_link.AltinnInstanceLink", "altinn.links.login_link.AltinnLoginLink"],
        "cli": ["altinn.airflow_commands.commands"],
        "config": {"altinn": {"description": "How connections of type altinn log in.", "options": _options()}},
        "connection-types": [
            {
                "connection-type": "altinn",
                "hook-class-name": "altinn.hooks.altinn_hook.AltinnHook",
                "hook-name": "Altinn 3",
                "ui-field-behaviour": _standard_fields(),
                "conn-fields": {**_login_fields(), **_owner_fields(), **_test_fields(), **_technical_fields()},
            }
        ],
    }


_SENSORS = ("feedback_sensor", "login_sensor", "process_sensor", "signature_sensor")
_OPERATORS = (
    "check_documents",
    "approval",
    "collect_receipt",
    "delete_instance",
    "download_data",
    "examine_connection",
    "find_instance",
    "instantiate",
    "plan_filing",
    "process_next",
    "reconcile_calendar",
    "upload_data",
    "validate",
    "validate_at_authority",
)


def _modules(package: str, names: tuple[str, ...]) -> list[str]:
    return [f"altinn.{package}.{name}" for name in names]


def _options() -> dict[str, Any]:
    def option(description: str, example: str | None, default: str | None = None) -> dict[str, Any]:
        return {
            "description": description,
            "version_added": None,
            "type": "string",
            "example": example,
            "default": default,
        }

    return {
        "token_dir": option(
            "Where tokens are kept, encrypted; a directory that all machines share. Empty means altinn-tokens in "
            "AIRFLOW_HOME. A connection can name another.",
            "/mnt/shared/altinn-tokens",
        ),
        "token_vault": option(
            "A class that keeps tokens instead of that directory, as module:name; see altinn.token_vault.Vault.",
            "my_company.vault:TokenVault",
        ),
        "signers": option(
            "Functions that sign with keys that stay elsewhere, as name = module:function with commas between. Each "
            "takes the bytes to sign and the key id, and returns the RS256 signature.",
            "kms = my_company.kms:sign",
        ),
        "login_page": option(
            "Whether the api-server offers the page where people log in with ID-porten; it reads client keys for that.",
            "False",
            "True",
        ),
    }


def _standard_fields() -> dict[str, Any]:
    return {
        # Not the port: Airflow 3.3 sends 0 for an empty one when a connection is tested, and then finds it changed.
        "hidden-fields": ["schema"],
        "relabeling": {
            "login": "Client id",
            "host": "Address (environment local only)",
            "port": "Port (0 where the address says it)",
            "password": "Password (token generator only)",
        },
        "placeholders": {
            "login": "the client's id in Samarbeidsportalen",
            "host": "http://local.altinn.cloud",
            "port": "0",
        },
    }


def _field(label: str, description: str, **schema: object) -> Field:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _login_fields() -> dict[str, Field]:
    return {
        "environment": _field(
            "Environment",
            "prod files for real. tt02 is Altinn's test environment. local is LocalTest or the emulator at the "
            "address above.",
            type="string",
            enum=["tt02", "prod", "local", "at22", "at23", "at24", "yt01"],
            default="tt02",
        ),
        "auth_mode": _field(
            "Way to log in",
            "maskinporten: a system user, no person involved. idporten: a person who has logged in once. The other "
            "three are for test environments.",
            type="string",
            enum=["maskinporten", "idporten", "altinn_token", "localtest", "token_generator"],
            default="maskinporten",
        ),
        "private_key": _field(
            "Private key",
            "The client's private RSA key, as PEM or JWK. A file or a secrets backend is a better place for it.",
            format="multiline",
        ),
        "private_key_file": _field(
            "Private key file",
            "Path of the key instead of the key itself, on every machine that runs tasks: PEM, JWK or PKCS#12.",
        ),
        "private_key_passphrase": _field(
            "Private key passphrase", "Of an encrypted PEM or a PKCS#12 file.", format="password"
        ),
        "signer": _field(
            "Signer",
            "Instead of a private key: the name of a signer in [altinn] signers of Airflow's configuration, for keys "
            "that stay in a KMS or HSM.",
        ),
        "key_id": _field("Key id", "The kid under which the public key is registered. A JWK that names it needs none."),
        "scopes": _field("Scopes", "With blanks between. Empty means altinn:instances.read altinn:instances.write."),
        "refresh_token": _field(
            "Refresh token", "For idporten: from the person's latest login; renewed by itself.", format="password"
        ),
        "refresh_token_file": _field(
            "Refresh token file", "For idporten: a file that every machine shares, in which the login is kept instead."
        ),
        "login_store": _field(
            "Login store",
            "For idporten: where a login is kept without such a file. connection is here; shared is the installation's "
            "token store.",
            enum=["connection", "shared"],
            default="connection",
        ),
        "acr_values": _field(
            "Level of assurance", "For idporten: what a login asks for. Empty means idporten-loa-substantial."
        ),
    }


def _owner_fields() -> dict[str, Field]:
    return {
        "on_behalf_of": _field(
            "On behalf of",
            "For maskinporten: organisation number of the company whose system user files. A task can name another.",
        ),
        "external_ref": _field(
            "External reference", "The reference the system user was requested with; empty if it had none."
        ),
        "organisation_number": _field(
            "Own organisation number",
            "Who files when a task says owner='self'; empty means On behalf of.",
        ),
        "person_number_file": _field(
            "Person number file",
            "For a person who files for himself or herself: path of a file with the number, readable for Airflow only.",
        ),
    }


def _test_fields() -> dict[str, Field]:
    return {
        "altinn_token": _field("Altinn token", "For altinn_token: a token made elsewhere.", format="password"),
        "test_user_id": _field("Test user id", "For localtest and token_generator: the user who files."),
        "test_party_id": _field("Test party id", "For token_generator: the user's party id."),
        "token_person_number": _field(
            "Test person number", "For token_generator: the user's synthetic number from Tenor.", format="password"
        ),
        "test_system_user_id": _field(
            "Test system user id", "For localtest and token_generator: a system user instead of a user."
        ),
        "test_authentication_level": _field(
            "Test authentication level", "For localtest and token_generator: 0 to 4; empty leaves it to the service."
        ),
    }


def _technical_fields() -> dict[str, Field]:
    seconds: dict[str, Any] = {"type": ["number", "null"], "minimum": 0, "maximum": 600}
    return {
        "settle": _field(
            "Settle time (s)",
            "How old an instance must be before its first push, so that duplicates show. Empty means 30; 1 for local.",
            **seconds,
        ),
        "timeout": _field(
            "Timeout (s)", "How long to wait for an ordinary answer. Empty means 60.", **{**seconds, "minimum": 1}
        ),
        "token_dir": _field(
            "Token directory",
            "Where tokens are kept, encrypted. Empty means [altinn] token_dir, or altinn-tokens in AIRFLOW_HOME. For "
            "idporten all machines must share it.",
        ),
        "ledger": _field(
            "Ledger",
            "Folder for a record of each decision and effect that outlives Airflow's database: a path, or s3://bucket/folder.",
        ),
        "verify": _field("Verify certificates", "true, false, or the path of a file with trusted certificates."),
        "proxies": _field(
            "Proxies", 'By scheme, such as {"https": "http://proxy:3128"}.', type=["object", "null"], format="json"
        ),
        "maskinporten_url": _field(
            "Maskinporten address", "For local only: where Maskinporten is, if not under the address above."
        ),
        "idporten_url": _field(
            "ID-porten address", "For local only: where ID-porten is, if not under the address above."
        ),
    }
