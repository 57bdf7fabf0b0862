"""What is in the forms of a page."""

import re


def form_id_in(page: str) -> str:
    found = re.search(r'name="formId" value="(\w+)"', page)
    assert found
    return found[1]
