"""The names that people know plugins by, beside those of their documents, under which the vault has them."""

from __future__ import annotations

from configvault.core import plugins
from configvault.usecases.site import Site


def titles(site: Site, tree: str | None = None) -> dict[str, str]:
    """Return the names people know by document, of a snapshot's tree (None: of the latest); none where there is none."""
    if site.settings.validate.profile != "coze":
        return {}
    if tree is None:
        latest = site.vault.latest()
        if latest is None:
            return {}
        tree = latest.tree
    return plugins.titles(site.vault.tree(tree), site.vault.objects.read)
