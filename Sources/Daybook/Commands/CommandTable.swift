// All commands, in the order of `daybook help`.

enum CommandTable {
  static let all: [Command] =
    [ServeCommand.command, SandboxCommand.command] + VerbCommands.all + QuestionCommands.all
    + PriceCommands.all + JobCommands.all + UpkeepCommands.all
    + ReceiptCommands.all + [
      AsOfCommand.command, StatementCommand.command, ExportCommand.command, RepriceCommand.command,
      GenerateCommand.command,
    ]
    + missing

  private static let missing: [Command] = [
    Command(missing: "reconcile", "compare with an upstream's bill")
  ]
}
