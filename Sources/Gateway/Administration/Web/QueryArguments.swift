// The query of a GET as the arguments of a command.
import Base
import HTTP

extension AdministrationError {
  fileprivate static func inQuery(_ problem: String) -> AdministrationError {
    .usage("the query \(problem)")
  }
}

enum QueryArguments {
  /// Every parameter as a text; one that is stated twice or cannot be decoded is refused.
  static func object(_ request: Request) throws(AdministrationError) -> JSONObject {
    var object = JSONObject()
    for item in request.queryItems {
      guard let name = item.name, let value = item.value else {
        throw .inQuery("holds a malformed escape")
      }
      guard object[name] == nil else {
        throw .inQuery("names \(name.clipped(toBytes: 64)) twice")
      }
      object.members.append(JSONObject.Member(name: name, value: .string(value)))
    }
    return object
  }
}
