"""One spelling for each identifier, so that the same person is found again however the address was typed."""

import unicodedata


def email(text: str) -> str:
    """An e-mail address without outer blanks, casefolded, in NFC.

    Both parts are folded: no large mailbox provider tells `Jo@` from `jo@`. Dots and `+tags` stay: what they mean
    differs from provider to provider.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def source_id(text: str) -> str:
    """A source's own id: text as it came, `007` stays `007`; only outer blanks go."""
    return text.strip()
