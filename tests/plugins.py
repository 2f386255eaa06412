"""Invented plugin directories to mutate: GOOD has two plugins, HARBOUR these and two more."""

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

MORE_META = """\
- plugin_id: 503
  product_id: 900503
  deprecated: false
  version: v2.0.0-rc.1
  openapi_doc_file: pilots.yaml
  plugin_type: 1
  manifest:
    schema_version: v1
    name_for_model: pilots
    name_for_human: Pilots
    description_for_model: Orders a pilot
    description_for_human: Orders a pilot
    auth:
      type: oauth
      sub_type: authorization_code
      payload: '{"client_id": "harbour", "client_secret": "spring tide", "client_url": "https://pilots.example.org/authorize", "scope": "order", "authorization_url": "https://pilots.example.org/token", "authorization_content_type": "application/json"}'
    logo_url: icons/pilots.png
    api:
      type: openapi
  tools:
    - tool_id: 503001
      deprecated: false
      method: get
      sub_url: /pilots
    - tool_id: 503002
      deprecated: false
      method: put
      sub_url: /pilots/{ship}
- plugin_id: 504
  product_id: 900504
  deprecated: false
  version: v1
  openapi_doc_file: more/berths.yaml
  plugin_type: 1
  manifest:
    schema_version: v1
    name_for_model: berths
    name_for_human: Berths
    description_for_model: Says where there is room
    description_for_human: Says where there is room
    auth:
      type: service_http
      sub_type: token/api_key
      payload: '{"key": "token", "service_token": "neap tide", "location": "Query"}'
    logo_url: icons/berths.png
    api:
      type: coze-studio-custom
    common_params:
      query:
        - name: lang
          value: en
  tools:
    - tool_id: 504001
      deprecated: false
      method: post
      sub_url: /berths
"""

PILOTS = """\
openapi: 3.0.1
info:
  title: Pilots
  description: Who brings a ship in
  version: v1
servers:
  - url: https://pilots.example.org/{region}
    variables:
      region:
        default: north
tags:
  - name: ships
paths:
  /pilots:
    get:
      operationId: pilots
      summary: All pilots
      tags: [ships]
      parameters:
        - $ref: '#/components/parameters/Limit'
      responses:
        "200":
          $ref: '#/components/responses/Pilots'
  /pilots/{ship}:
    parameters:
      - name: ship
        in: path
        required: true
        schema:
          type: string
    put:
      operationId: order
      summary: Order a pilot
      requestBody:
        $ref: '#/components/requestBodies/Order'
      responses:
        "200":
          description: On the way
          headers:
            X-Pilot:
              schema:
                type: string
          content:
            application/json:
              schema:
                allOf:
                  - $ref: '#/components/schemas/Pilot'
                type: object
components:
  parameters:
    Limit:
      name: limit
      in: query
      schema:
        type: integer
        format: int32
        minimum: 1
  requestBodies:
    Order:
      content:
        application/json:
          schema:
            type: object
            properties:
              when:
                type: string
                format: date-time
                example: "2026-05-01T06:00:00Z"
  responses:
    Pilots:
      description: The pilots
      content:
        application/json:
          schema:
            type: object
            properties:
              pilots:
                type: array
                items:
                  $ref: '#/components/schemas/Pilot'
  schemas:
    Pilot:
      type: object
      required: [name]
      properties:
        name:
          type: string
          minLength: 1
        rank:
          type: string
          enum: [first, second]
          default: second
        ship:
          type: string
          nullable: true
  securitySchemes:
    desk:
      type: http
      scheme: bearer
"""

BERTHS = """\
openapi: 3.0.1
info:
  title: Berths
  description: Where there is room
  version: v1
servers:
  - url: https://berths.example.org
paths:
  /berths:
    post:
      operationId: berths
      summary: Ask for room
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              properties:
                length:
                  type: number
                  exclusiveMinimum: true
                  minimum: 0
      responses:
        "200":
          description: The berths
          content:
            application/json:
              schema:
                type: object
                additionalProperties:
                  type: boolean
"""

OAUTH = '[\n  {\n    "key": "Authorization Code",\n    "value": 4\n  }\n]\n'

META_PATH = "pluginproduct/plugin_meta.yaml"
TIDES_PATH = "pluginproduct/tides.yaml"
FERRIES_PATH = "pluginproduct/ferries.yaml"
OAUTH_PATH = "common/oauth_schema.json"

PILOTS_PATH = "pluginproduct/pilots.yaml"
BERTHS_PATH = "pluginproduct/more/berths.yaml"

GOOD = {META_PATH: META, TIDES_PATH: TIDES, FERRIES_PATH: FERRIES, OAUTH_PATH: OAUTH}

HARBOUR = {**GOOD, META_PATH: META + MORE_META, PILOTS_PATH: PILOTS, BERTHS_PATH: BERTHS}


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
