"""Check the message of a commit; the commit-msg hook of .pre-commit-config.yaml calls this.

Reads the file that is named as the only argument. Prints one line for each error and ends with 1,
or ends with 0. Needs only the standard library.
"""

import sys
from pathlib import Path

MAX_SUBJECT = 60
WRITTEN_BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")


def errors(message: str) -> list[str]:
    """Return what is wrong with a commit message, one sentence for each error."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject, *body = lines or [""]
    if subject.startswith(WRITTEN_BY_GIT):
        return []
    found = []
    if not subject.strip():
        found.append("Begin the message with a subject.")
    if len(subject) > MAX_SUBJECT:
        found.append(f"Shorten the subject to {MAX_SUBJECT} characters; it has {len(subject)}.")
    if ";" in subject:
        found.append("Remove the semicolon from the subject, or make two commits.")
    if body and body[0].strip():
        found.append("Leave the line below the subject empty.")
    return found


def main() -> None:
    """Check the file that git passes to the hook."""
    found = errors(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for sentence in found:
        print(f"commit message: {sentence}", file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
