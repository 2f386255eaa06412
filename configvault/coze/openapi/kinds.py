"""The objects of OpenAPI 3.0 as the service's library declares them: one line a kind, `key=type`.

A type is `string`, `bool`, `number`, `count` (a whole number from 0), `any`, `strings`, `words` (a map of strings),
`bounds` (true, false or a schema), or a kind, in `[...]` where it is a list of them and in `{...}` where it is a map.
Before a kind stands `~` where the library decodes and resolves but never validates what is there, `!` where it
never follows the references there (so that one is refused), and `-` where it does neither. `*=kind` is any other
key. `$` after the name of a kind: it may be a reference. `?` after it: keys it does not know are ignored.

Source: kin-openapi 0.118.0, package openapi3, the struct tags and the `Validate` methods.
"""

from __future__ import annotations

from typing import NamedTuple

_TABLE = """
document     openapi=string components=components info=info paths={path} security=~[security]
             servers=[server] tags=[tag] externalDocs=docs
info         title=string description=string termsOfService=string contact=contact license=license version=string
contact      name=string url=string email=string
license      name=string url=string
docs         description=string url=string
tag          name=string description=string externalDocs=docs
server       url=string description=string variables={variable}
variable     enum=strings default=string description=string
security     *=strings
components   schemas={schema} parameters={parameter} headers={header} requestBodies={body} responses={response}
             securitySchemes={scheme} examples={example} links=!{link} callbacks={callback}
path         $ref=string summary=string description=string connect=operation delete=operation get=operation
             head=operation options=operation patch=operation post=operation put=operation trace=operation
             servers=~[server] parameters=~[parameter]
operation    tags=strings summary=string description=string operationId=string parameters=[parameter]
             requestBody=body responses={response} callbacks=~{callback} deprecated=bool security=~[security]
             servers=~[server] externalDocs=docs
parameter$   name=string in=string description=string style=string explode=bool allowEmptyValue=bool
             allowReserved=bool deprecated=bool required=bool schema=schema example=any examples=!{example}
             content={shown}
header$?     name=string in=string description=string style=string explode=bool allowEmptyValue=bool
             allowReserved=bool deprecated=bool required=bool schema=schema example=any examples=-{example}
             content=!{media}
body$        description=string required=bool content={media}
response$    description=string headers={header} content={media} links={link}
media        schema=schema example=any examples={example} encoding=-{encoding}
shown        schema=schema example=any examples=!{example} encoding=-{encoding}
encoding?    contentType=string headers=-{header} style=string explode=bool allowReserved=bool
example$     summary=string description=string value=any externalValue=string
link$        operationRef=string operationId=string description=string parameters=any-map server=-server
             requestBody=any
callback$    *=path
scheme$      type=string description=string name=string in=string scheme=string bearerFormat=string flows=flows
             openIdConnectUrl=string
flows        implicit=flow password=flow clientCredentials=flow authorizationCode=flow
flow         authorizationUrl=string tokenUrl=string refreshUrl=string scopes=words
schema$      oneOf=[schema] anyOf=[schema] allOf=[schema] not=schema type=string title=string format=string
             description=string enum=any-list default=any example=any externalDocs=docs uniqueItems=bool
             exclusiveMinimum=bool exclusiveMaximum=bool nullable=bool readOnly=bool writeOnly=bool
             allowEmptyValue=bool deprecated=bool xml=-xml minimum=number maximum=number multipleOf=number
             minLength=count maxLength=count pattern=string minItems=count maxItems=count items=schema
             required=strings properties={schema} minProperties=count maxProperties=count
             additionalProperties=bounds discriminator=-discriminator
discriminator? propertyName=string mapping=words
xml?         name=string namespace=string prefix=string attribute=bool wrapped=bool
"""

LEAVES = frozenset(
    ["string", "bool", "number", "count", "any", "any-map", "any-list", "strings", "words", "bounds"]
)


class Field(NamedTuple):
    """What one key holds: `many` is `` (one), `[` or `{`; `mode` one of the marks above or ``."""

    kind: str
    many: str
    mode: str


class Kind(NamedTuple):
    """One kind of object."""

    name: str
    fields: dict[str, Field]
    referable: bool
    closed: bool

    @property
    def others(self) -> Field | None:
        """Return what keys without a line of their own hold, where the object is a map."""
        return self.fields.get("*")


def _field(text: str) -> Field:
    mode = text[0] if text[0] in "~!-" else ""
    text = text.removeprefix(mode)
    many = text[0] if text[0] in "[{" else ""
    return Field(text.strip("[]{}"), many, mode)


def _kinds() -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for line in _TABLE.replace("\n   ", " ").strip().splitlines():
        name, *fields = line.split()
        pairs = (field.split("=") for field in fields)
        bare = name.rstrip("$?")
        kinds[bare] = Kind(bare, {key: _field(text) for key, text in pairs}, "$" in name, "?" not in name)
    return kinds


KINDS = _kinds()
METHODS = ("connect", "delete", "get", "head", "options", "patch", "post", "put", "trace")
