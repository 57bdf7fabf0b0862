"""Log files that were added to a run."""

from pydantic import Field

from blueprints.responses.base import Answer, Count, Sha256, Time


class Upload(Answer):
    """A log file that was added to a run."""

    name: str
    size: Count = Field(description="Bytes.")
    sha256: Sha256
    uploaded_at: Time
    uploaded_by: str


class Uploaded(Answer):
    """The log files that a request has added."""

    uploads: list[Upload]
