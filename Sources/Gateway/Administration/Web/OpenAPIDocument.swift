// GET /admin/openapi.json: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), written from the
// table of operations.
import Base
import HTTP

enum OpenAPIDocument {
  /// The document's text.
  static let bytes: [UInt8] = Array(JSONValue.object(document).text.utf8)

  private static let document: JSONObject = .of([
    "openapi": .string("3.1.0"),
    "info": .of([
      "title": .string("Daybook administration"), "version": .string("1"),
      "description": .string(
        "Answers are given when the events behind them are durable. Every GET also takes HEAD."),
    ]),
    "servers": .array([.of(["url": .string("/")])]),
    "security": .array([.of(["adminToken": .array([])])]),
    "paths": .object(
      JSONObject(
        AdministrationOperation.all.map { operation in
          JSONObject.Member(
            name: "/admin/\(operation.path)",
            value: .of([operation.method.rawValue.lowercased(): .object(item(operation))]))
        })),
    "components": .of([
      "securitySchemes": .of([
        "adminToken": .of(["type": .string("http"), "scheme": .string("bearer")])
      ]),
      "schemas": .object(
        JSONObject(
          AnswerSchemas.all.map {
            JSONObject.Member(name: $0.name, value: .object($0.schema.json))
          })),
      "responses": .of([
        "Error": .of([
          "description": .string("What is wrong and what to do."),
          "content": content("application/json", .reference("Error")),
        ])
      ]),
    ]),
  ])

  private static func item(_ operation: AdministrationOperation) -> JSONObject {
    var item = JSONObject.of([
      "operationId": .string(identifier(operation.path)), "summary": .string(operation.summary),
    ])
    var parameters = operation.isRead ? operation.parameters.map(queryParameter) : []
    if operation.honoursKey { parameters.append(keyHeader) }
    if !parameters.isEmpty { item.set("parameters", .array(parameters)) }
    if !operation.isRead {
      let isRequired = operation.parameters.contains(where: \.isRequired)
      let members = operation.parameters.map {
        Schema.Member(name: $0.name, schema: $0.schema, isRequired: $0.isRequired)
      }
      item.set(
        "requestBody",
        .of([
          "required": .bool(isRequired), "content": content("application/json", .object(members)),
        ]))
    }
    var responses = JSONObject.of(["200": success(operation)])
    for status in statuses(operation) {
      responses.set(status, .of(["$ref": .string("#/components/responses/Error")]))
    }
    item.set("responses", .object(responses))
    return item
  }

  /// `user/add` -> `userAdd`.
  private static func identifier(_ path: String) -> String {
    let words = path.split { $0 == "/" || $0 == "." }
    return words.dropFirst().reduce(String(words.first ?? "")) {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
  }

  private static func queryParameter(
    _ parameter: AdministrationOperation.Parameter
  ) -> JSONValue {
    .of([
      "name": .string(parameter.name), "in": .string("query"),
      "required": .bool(parameter.isRequired), "schema": .object(parameter.schema.json),
    ])
  }

  private static let keyHeader = JSONValue.of([
    "name": .string("Idempotency-Key"), "in": .string("header"), "required": .bool(false),
    "description": .string(
      "1 to 255 printable ASCII characters. The same command again under the same key within 24 "
        + "hours is carried out once and gets the first answer."),
    "schema": .of([
      "type": .string("string"), "minLength": .number("1"),
      "maxLength": .number("\(IdempotencyKey.greatestLength)"),
    ]),
  ])

  private static func success(_ operation: AdministrationOperation) -> JSONValue {
    var response: JSONObject
    switch operation.answer {
    case .one(let name):
      response = .of([
        "description": .string("Done."), "content": content("application/json", .reference(name)),
      ])
    case .page(let name):
      response = .of([
        "description": .string("A page. `next` is the `after` of the page behind it."),
        "content": content("application/json", .page(of: name)),
      ])
    case .lines(let name):
      response = .of([
        "description": .string(
          "One JSON object a line: progress, and in the end the status with \(name) or Error."),
        "content": content("application/jsonl", .reference("JobLine")),
      ])
    case .document:
      response = .of([
        "description": .string("An OpenAPI document."),
        "content": content("application/json", .anyObject),
      ])
    }
    if operation.honoursKey {
      response.set(
        "headers",
        .of([
          "idempotent-replayed": .of([
            "description": .string("\"true\" on the first answer, given again."),
            "schema": .of(["type": .string("string"), "const": .string("true")]),
          ])
        ]))
    }
    return .object(response)
  }

  private static func statuses(_ operation: AdministrationOperation) -> [String] {
    var statuses = ["400", "401"]
    if !operation.parameters.isEmpty { statuses.append("404") }
    if !operation.isRead { statuses += ["409", "413", "415"] }
    if operation.honoursKey { statuses.append("422") }
    return statuses + ["429", "500", "503"]
  }

  private static func content(_ type: String, _ schema: Schema) -> JSONValue {
    .of([type: .of(["schema": .object(schema.json)])])
  }
}
