"""A small plugin directory to mutate: two invented plugins, one free, one with a token."""

from __future__ import annotations

META = """\
- plugin_id: 501
  product_id: 900501
  deprecated: false
  version: v1.2.0
  openapi_doc_file: tides.yaml
  plugin_type: 1
  manifest:
    schema_version: v1
    name_for_model: tides
    name_for_human: Tide tables
    description_for_model: Says when the water is high
    description_for_human: Says when the water is high
    auth:
      type: none
    logo_url: icons/tides.png
    api:
      type: openapi
    common_params:
      body: []
      header:
        - name: User-Agent
          value: Harbour/1.0
      path: []
      query: []
  tools:
    - tool_id: 501001
      deprecated: false
      method: get
      sub_url: /tides/{port}
    - tool_id: 501002
      deprecated: false
      method: post
      sub_url: /alarms
- plugin_id: 502
  product_id: 900502
  deprecated: false
  version: v0.3.1
  openapi_doc_file: ferries.yaml
  plugin_type: 1
  manifest:
    schema_version: v1
    name_for_model: ferries
    name_for_human: Ferries
    description_for_model: Knows the ferries
    description_for_human: Knows the ferries
    auth:
      type: service_http
      key: Authorization
      sub_type: token/api_key
      payload: '{"key": "Authorization", "service_token": "harbour-master", "location": "Header"}'
    logo_url: icons/ferries.png
    api:
      type: openapi
    common_params: {}
  tools:
    - tool_id: 502001
      deprecated: false
      method: get
      sub_url: /ferries
"""

TIDES = """\
openapi: 3.0.1
info:
  title: Tides
  description: When the water is high
  version: v1
servers:
  - url: https://tides.example.org/api
paths:
  /tides/{port}:
    get:
      operationId: tides
      summary: The tides of one port
      parameters:
        - name: port
          in: path
          required: true
          schema:
            type: string
        - name: days
          in: query
          schema:
            type: integer
            default: 3
            maximum: 14
      responses:
        "200":
          description: The tides
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Tides'
        default:
          description: ""
  /alarms:
    post:
      operationId: alarm
      summary: Wake me at high water
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [port]
              properties:
                port:
                  type: string
                  pattern: ^[a-z]+$
                lead:
                  type: number
                  example: 0.5
      responses:
        "200":
          description: It is set
          content:
            application/json:
              schema:
                type: object
components:
  schemas:
    Tides:
      type: object
      properties:
        high:
          type: array
          items:
            type: string
"""

FERRIES = """\
openapi: 3.0.1
info:
  title: Ferries
  description: Where they go
  version: v1
servers:
  - url: https://ferries.example.org
paths:
  /ferries:
    get:
      operationId: ferries
      summary: All ferries
      responses:
        "200":
          description: The ferries
          content:
            application/json:
              schema:
                type: object
                properties:
                  names:
                    type: array
                    items:
                      type: string
"""

OAUTH = '[\n  {\n    "key": "Authorization Code",\n    "value": 4\n  }\n]\n'

META_PATH = "pluginproduct/plugin_meta.yaml"
TIDES_PATH = "pluginproduct/tides.yaml"
FERRIES_PATH = "pluginproduct/ferries.yaml"
OAUTH_PATH = "common/oauth_schema.json"

GOOD = {META_PATH: META, TIDES_PATH: TIDES, FERRIES_PATH: FERRIES, OAUTH_PATH: OAUTH}


def swap(text: str, old: str, new: str) -> str:
    """Return `text` with the first `old` replaced, which must be there."""
    assert old in text, old
    return text.replace(old, new, 1)


def with_meta(old: str, new: str) -> dict[str, str]:
    """Return the good directory with one change in plugin_meta.yaml."""
    return {**GOOD, META_PATH: swap(META, old, new)}


def with_tides(old: str, new: str) -> dict[str, str]:
    """Return the good directory with one change in tides.yaml."""
    return {**GOOD, TIDES_PATH: swap(TIDES, old, new)}
