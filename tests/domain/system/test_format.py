"""How numbers, lists and addresses are shown."""

import pytest

from domain.system.format import many, masked, size, some, span, without_credentials

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0 s"),
        (1_500, "1.5 s"),
        (2_000, "2 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (2 * HOUR, "2 h"),
        (47 * HOUR, "47 h"),
        (72 * HOUR, "3 days"),
    ],
)
def test_spans_are_in_the_largest_unit_of_which_they_have_two(milliseconds, text):
    assert span(milliseconds) == text


def test_numbers_read_as_people_say_them():
    assert (many([1], "step"), many([], "process", "processes")) == ("1 step", "0 processes")
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (size(900), size(408 * 1024), size(3 << 40)) == ("900 bytes", "408 KiB", "3 TiB")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/galley", "s3://bucket/galley"),
        ("hdfs://host:8020/some place/x,y", "hdfs://host:8020/some place/x,y"),
        ("sftp://ann:hush@host:22/x", "sftp://…@host:22/x"),
        ("sftp://hush@host/x", "sftp://…@host/x"),
        ("s3://bucket/x?secret=hush", "s3://bucket/x?…"),
        ("sftp://ann:hush@host/x?key=hush", "sftp://…@host/x?…"),
        # Nothing is guessed.
        ("s3://bucket/galley@home", "s3://…@home"),
        # Not as they should be written.
        ("sftp://ann:hu/sh@host/x", "sftp://…@host/x"),
        ("sftp://ann:hu@sh@host/x", "sftp://…@host/x"),
        ("sftp://ann:h@u/s@h@host/x", "sftp://…@host/x"),
        ("sftp://ann:hu?sh@host/x", "sftp://…"),
        ("sftp://ann:hu#sh@host/x", "sftp://…"),
        ("sftp://12:34?hush@host/x", "sftp://…"),
        ("sftp://ann:hush", "sftp://…"),
        ("sftp://host/x;hush", "sftp://…"),
        ("s3://bucket/x?secret=hu@sh", "s3://…"),
        ("s3://bucket/x#hush", "s3://…"),
        ("sftp:ann:hush@host", "…"),
        ("ann:hush@host/x", "…"),
        ("//ann:hush@host/x", "…"),
        ("", "…"),
        # Files of this host have no password.
        ("file:///srv/a@b", "file:///srv/a@b"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
def test_no_password_is_shown(url, shown):
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        ("redis://:pa/ss@host:1", "no port: 'pa'", "no port: '…'"),
        ("postgresql://ann:pa@ss@host/db", "no host 'ss@host'", "no host '…@host'"),
        ("postgresql://ann:pa@ss@host/db", "no host 'SS@host'", "no host '…@host'"),
        ("postgresql://ann:p%40ss@host/db", "not p@ss, not p%40ss", "not …@…, not …%…"),
        ("postgresql://host/db?password=hush", "no key hush in db", "no key … in db"),
        ("sftp://ann:hu?sh@host/x", "sh@host/x", "…@…/…"),
        ("s3://bucket/x", "no bucket x", "no bucket x"),
        ("file:///srv/a%20b", "no a b", "no a b"),
    ],
)
def test_a_drivers_message_is_shown_without_the_password_of_its_url(url, said, shown):
    assert masked(said, [url]) == shown
