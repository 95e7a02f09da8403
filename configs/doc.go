// Package configs reads a hotline's configuration: YAML files that are decoded
// strictly, checked as a whole, and composed into the options of every room.
// All problems are found at once, each with file, line, column and a remedy.
//
// A configuration is a directory. Its *.yaml files may hold any of the sections
// of [File], each section in one file; the files of its folder "flows" are the
// flows, named after their files. The default hotline is embedded.
package configs
