"""Removal of what is needed no longer: folders, files and rows."""

import logging
from pathlib import Path

from domain import disk
from domain.accounts import idempotency
from domain.clock import DAY_MS, now
from domain.logs import uploads
from domain.models import ReconcilerInfo, WorkerInfo, write
from domain.releases import garbage_collection
from domain.releases.storage import LocalStorage, open_storage
from domain.settings import SettingError
from jobs.reconciler import orphans
from jobs.reconciler.context import Context
from jobs.shared import host
from jobs.shared.folders import remove_tree

log = logging.getLogger(__name__)

MISSING_AFTER_MS = DAY_MS


def remove_orphaned_folders(context: Context) -> None:
    """Remove workspaces of attempts whose worker died before it could remove them."""
    for folder in orphans.folders(context.settings.data_dir):
        remove_tree(folder)


def remove_unfinished_packages(context: Context) -> None:
    """Remove packages that were not stored completely. A remote storage never has any."""
    folder = disk.storage_folder(context.settings)
    if folder is None:
        return
    try:
        LocalStorage(Path(folder)).remove_unfinished()
    except OSError as error:
        log.warning("the storage cannot be tidied up: %s", error)


def remove_unfinished_uploads(context: Context) -> None:
    uploads.remove_unfinished(context.settings.data_dir)


def remove_discarded_packages(context: Context) -> None:
    try:
        garbage_collection.tidy(lambda: open_storage(context.settings))
    except (OSError, SettingError) as error:
        log.warning("packages of deleted releases cannot be removed: %s", error)


def delete_missing_workers(context: Context) -> None:
    """Delete workers of other hosts, or of an earlier boot, that were silent for a day."""
    with write():
        WorkerInfo.delete().where(WorkerInfo.seen_at < now() - MISSING_AFTER_MS).execute()


def delete_missing_reconcilers(context: Context) -> None:
    """Delete reconcilers of this host that are gone, and others that were silent for a day."""
    gone = [row.name for row in ReconcilerInfo.select() if not _may_be_alive(row)]
    if gone:
        with write():
            ReconcilerInfo.delete().where(ReconcilerInfo.name.in_(gone)).execute()


def _may_be_alive(row: ReconcilerInfo) -> bool:
    if row.host == host.identity():
        return host.started(row.pid) == row.pid_started
    return bool(row.seen_at >= now() - MISSING_AFTER_MS)


def delete_old_idempotency_keys(context: Context) -> None:
    idempotency.purge()
