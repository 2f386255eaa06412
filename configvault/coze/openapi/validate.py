"""One document, from root to faults.

First whether it decodes, then whether its references lead anywhere, then what it says. A stage that finds something
ends the validation: what follows from it would be told as well.
"""

from __future__ import annotations

from configvault.coze.openapi import (
    document,
    operations,
    parts,
    schemas,
    security,
)
from configvault.coze.openapi.decode import decode
from configvault.coze.openapi.kinds import KINDS
from configvault.coze.openapi.references import References
from configvault.coze.openapi.spec import Strict
from configvault.coze.openapi.values import unwritable
from configvault.coze.openapi.walk import Check, Walk
from configvault.validators.violations import Violation, first
from configvault.validators.yamlnodes import Mapping

CHECKS: dict[str, tuple[Check, ...]] = {
    "document": (document.root, operations.paths, operations.coze),
    "info": (document.info,),
    "license": (document.license_,),
    "docs": (document.docs,),
    "server": (document.server,),
    "variable": (document.variable,),
    "components": (document.components,),
    "operation": (parts.operation,),
    "parameter": (parts.parameter,),
    "header": (parts.header,),
    "body": (parts.body,),
    "response": (parts.response,),
    "media": (parts.media,),
    "shown": (parts.media,),
    "example": (parts.example,),
    "link": (parts.link,),
    "schema": (schemas.schema,),
    "scheme": (security.scheme,),
    "flows": (security.flows,),
}


def validate(root: Mapping, strict: Strict) -> tuple[list[Violation], frozenset[tuple[str, str]] | None]:
    """Return what is wrong with a document, and its operations (None: nobody can tell)."""
    decoded = decode(root)
    violations = first([*first(unwritable(root)), *decoded.violations])
    if violations:
        return violations, None
    references = References(root, decoded)
    violations = first(references.violations())
    if violations:
        return violations, None
    violations = first(Walk(references, CHECKS).visit(root, KINDS["document"], ""))
    if not violations or all(one.rule == "http-server" for one in violations):
        violations += strict.check(root)
    if any(one.rule == "path" for one in violations):
        return violations, None  # a tool that is not found would be the same fault again
    found = frozenset(
        (method, path)
        for path, _, item in operations.path_items(references, root)
        for method, _ in operations.operations_of(item)
    )
    return violations, found
