// Reads a compose file as docker compose does, with the library that it uses for that, and prints
// the result as JSON: compose [--env-file FILE] [--profile NAME] FILE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	envFile := flag.String("env-file", "", "what stands for .env")
	profile := flag.String("profile", "", "a profile that is enabled")
	flag.Parse()
	with := []cli.ProjectOptionsFn{cli.WithProfiles([]string{*profile}), cli.WithName("millrace")}
	if *envFile != "" {
		with = append(with, cli.WithEnvFiles(*envFile), cli.WithDotEnv)
	}
	options := must(cli.NewProjectOptions(flag.Args(), with...))
	project := must(options.LoadProject(context.Background()))
	fmt.Println(string(must(project.MarshalJSON())))
}
