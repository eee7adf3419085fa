"""What the authority added, as a verdict reads it: one document of each type, never a guess between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from altinn.exceptions import AltinnUnknownOutcomeError


class VerdictDocuments(Mapping[str, bytes]):
    """The documents' content by data type.

    Of a type that is there more than once, only copies of the same bytes can be read: an authority that says two things
    has said nothing, and neither the older nor the newer one may decide.

    :param instance_id: whose documents they are, for the error.
    """

    def __init__(self, instance_id: object) -> None:
        self._instance_id = str(instance_id)
        self._documents: dict[str, dict[str, bytes]] = {}

    def add(self, data_type: str, name: str, content: bytes) -> None:
        """Take in one document under a name that tells it from the others of its type."""
        self._documents.setdefault(data_type, {})[name] = content

    def __getitem__(self, data_type: str) -> bytes:
        """Return the content of a type.

        :raises AltinnUnknownOutcomeError: there are documents of this type that differ; names them.
        """
        documents = self._documents[data_type]
        if len(set(documents.values())) > 1:
            raise AltinnUnknownOutcomeError(
                f"{self._instance_id} is not accepted (unknown): it has {len(documents)} documents of the type "
                f"{data_type}, which differ: {', '.join(documents)}. Look at them in Altinn: a program may not choose",
                [self._instance_id],
            )
        return next(iter(documents.values()))

    def __contains__(self, data_type: object) -> bool:
        """Whether there is any document of a type, also where none can be read."""
        return data_type in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)
