// Command gen turns the AWS API models in wire/models into the packages under api: types with binding tags,
// enum and pattern tables, operation descriptors and modelled errors. It writes no codec: wire has one per protocol,
// driven by these tables.
//
//	go run ./wire/gen [-models DIR] [-out DIR]
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	models := flag.String("models", "wire/models", "directory of the trimmed models")
	out := flag.String("out", "api", "directory the packages are written to")
	flag.Parse()
	if err := Generate(*models, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
