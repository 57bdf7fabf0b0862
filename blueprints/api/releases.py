"""/api/releases: releases and their files."""

from flask import Blueprint, jsonify, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from blueprints.api.operations import BYTES, ETAG, IF_NONE_MATCH, operation
from blueprints.responses import catalog as answers
from blueprints.shared.context import settings
from blueprints.shared.guards import current_actor, load_release
from domain.accounts.access import ADMIN
from domain.errors import GalleyError
from domain.releases import deletion as release_deletion
from domain.releases import ingredients
from domain.releases.storage import StorageError, open_storage

bp = Blueprint("api_releases", __name__, url_prefix="/api/releases")

DOWNLOAD_POLICY = "sandbox; default-src 'none'"
"""A package is anybody's file: a browser that shows it must not run it as one of our pages."""


@bp.get("/<release_id>")
@operation("Read a release", answers={200: answers.Release})
def get_release(release_id: str) -> ResponseReturnValue:
    row = load_release(release_id)
    return jsonify(answers.Release.of(row, packages=ingredients.packages_of([row])[row.id]))


@bp.delete("/<release_id>")
@operation("Delete a release", needs=ADMIN, errors=(409,))
def delete_release(release_id: str) -> ResponseReturnValue:
    """Fails while the release is deployed or a run in progress needs it.

    Its files are deleted within days unless another release has the same ones. Automatic numbering
    never assigns its version again.
    """
    release_deletion.delete_release(load_release(release_id, ADMIN), actor=current_actor())
    return "", 204


@bp.get("/<release_id>/packages/<path:path>")
@operation(
    "Download a package",
    answers={200: BYTES, 304: None},
    errors=(500,),
    headers=(IF_NONE_MATCH,),
    gives=(ETAG, "Content-Disposition"),
)
def download(release_id: str, path: str) -> ResponseReturnValue:
    package = ingredients.get_package(load_release(release_id), path)
    if request.if_none_match.contains(package.sha256):
        return Response(status=304, headers={"ETag": f'"{package.sha256}"'})
    try:
        file = open_storage(settings()).open(package.sha256)
    except StorageError as error:
        raise GalleyError(str(error), code="storage_error") from error
    response = send_file(
        file,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=package.path.rpartition("/")[2],
        etag=package.sha256,
        conditional=False,
    )
    response.content_length = package.size
    response.headers["Content-Security-Policy"] = DOWNLOAD_POLICY
    return response
