// All commands, in the order of `daybook help`.

enum CommandTable {
  static let all: [Command] =
    [ServeCommand.command, SandboxCommand.command] + VerbCommands.all + QuestionCommands.all
    + PriceCommands.all + JobCommands.all + UpkeepCommands.all
    + ReceiptCommands.all
    + [
      AsOfCommand.command, StatementCommand.command, ExportCommand.command,
      ReconcileCommand.command, RepriceCommand.command, GenerateCommand.command,
    ]
}
