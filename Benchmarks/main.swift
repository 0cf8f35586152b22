// Benchmarks: the yardsticks of the project. Program.swift says what they are.
import Glibc

exit(Program.main())
