"""/api/workflowruns/…/logs: output of steps, and uploaded log files."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue

from blueprints.api.multipart import parts
from blueprints.api.operations import ETAG, IF_NONE_MATCH, TEXT, ZIP, operation
from blueprints.api.replies import created
from blueprints.requests.runs import LogQuery
from blueprints.responses import logs as answers
from blueprints.shared.context import settings
from blueprints.shared.guards import current_actor, load_run
from domain.accounts.access import SUPER_USER
from domain.errors import FieldError, GalleyError
from domain.logs import run_logs, uploads, zip_stream
from domain.logs.files import read_log
from domain.runs import queries as run_queries
from domain.validation.messages import pointer

bp = Blueprint("api_logs", __name__, url_prefix="/api/workflowruns")


@bp.get("/<run_id>/steps/<step_run_id>/logs")
@operation(
    "Read a log",
    answers={200: TEXT, 206: TEXT, 304: None},
    errors=(412, 416),
    headers=("Range",),
    gives=("X-Log-Offset", "X-Log-Complete", "X-Log-Attempt"),
    query=LogQuery,
)
def get_log(run_id: str, step_run_id: str, query: LogQuery) -> ResponseReturnValue:
    """Return the whole log so far, also by Range, or up to 256 KiB after byte `offset`.

    Without `attempt`, it is the log of the last attempt. Name the attempt when you follow a log: a
    retry starts a new log. For a reused step, it is the log of the original step.
    """
    step = run_queries.get_step(load_run(run_id), step_run_id)
    log = run_logs.of_step(settings().data_dir, step, query.attempt)
    size = log.path.stat().st_size if log.path.exists() else 0
    if query.offset is not None:
        data, offset = read_log(log.path, query.offset, complete=log.is_over)
        response = Response(data, mimetype="text/plain")
    else:
        offset = size
        response = _send(log.path, max_age=0) if size else Response("", mimetype="text/plain")
    response.headers["X-Log-Attempt"] = str(log.attempt)
    response.headers["X-Log-Offset"] = str(offset)
    response.headers["X-Log-Complete"] = "true" if log.is_over and offset >= size else "false"
    return response


@bp.get("/<run_id>/logs")
@operation("Download all logs of a run", answers={200: ZIP}, gives=("Content-Disposition",))
def get_logs(run_id: str) -> ResponseReturnValue:
    """Return a zip with the logs of all attempts of all steps, including reused ones.

    Its folder `uploads` holds the uploaded log files. Growing logs are included as they are so far.
    """
    row = load_run(run_id)
    files = run_logs.all_of(settings().data_dir, row)
    response = Response(zip_stream.stream(files), mimetype=ZIP)
    response.headers.set("Content-Disposition", "attachment", filename=f"run-{row.number}-logs.zip")
    return response


@bp.post("/<run_id>/logs")
@operation(
    "Upload log files to a run",
    needs=SUPER_USER,
    upload=True,
    answers={201: answers.Uploaded},
    errors=(409,),
)
def upload_logs(run_id: str) -> ResponseReturnValue:
    """Add all files of the form to the run under their own names, or none of them.

    Names of form fields do not matter. A file name is one line of at most 200 bytes without a path.
    A run holds at most 500 files. Galley stores them unchanged: secrets in them are not masked.
    """
    row = load_run(run_id, SUPER_USER)
    with uploads.inbox(settings().data_dir, row) as inbox:
        for part in parts(settings().upload_bytes, "GALLEY_UPLOAD_BYTES"):
            field = pointer([part.field]) if part.field else ""
            if part.filename is None:
                inbox.refuse(FieldError(field, "unknown_field", f"{part.field!r} is not a file."))
            else:
                inbox.add(field, part.filename, part.pieces)
        rows = inbox.store(current_actor())
    body = answers.Uploaded(uploads=[answers.Upload.of(upload) for upload in rows])
    return created(body, f"/api/workflowruns/{row.id}/logs")


@bp.get("/<run_id>/logs/<log_name>")
@operation(
    "Read an uploaded log",
    answers={200: TEXT, 206: TEXT, 304: None},
    errors=(412, 416, 500),
    headers=("Range", IF_NONE_MATCH),
    gives=(ETAG,),
    address={"log_name": {"minLength": 1, "description": "The name of an uploaded log."}},
)
def get_upload(run_id: str, log_name: str) -> ResponseReturnValue:
    row = uploads.get(load_run(run_id), log_name)
    path = uploads.path_of(settings().data_dir, row)
    try:
        return _send(path, etag=row.sha256)
    except FileNotFoundError:
        raise GalleyError(
            f"The file of the log {log_name!r} is missing in the data folder.", code="storage_error"
        ) from None


def _send(path: Path, **options: Any) -> Response:
    """Send a text, or the part of it that a Range asks for; units other than bytes are ignored.

    See RFC 9110, 14.2: a server must ignore a Range in a unit that it does not support.
    """
    if not request.headers.get("Range", "bytes").lower().startswith("bytes"):
        del request.environ["HTTP_RANGE"]
    return send_file(path, mimetype="text/plain", **options)
