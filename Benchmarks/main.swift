// Benchmarks: the yardsticks of the project.
print("benchmarks")
