// daybook: the command line.
print("daybook")
