package process

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
)

// environment is what a process finds: what Lambda sets, but for credentials
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime), a few of the server's
// own, and what the configuration names.
func (f *function) environment(address string) []string {
	version := cmp.Or(f.name.Qualifier, "$LATEST")
	e := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        f.name.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024", // no limit; clients read a number
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.name.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      time.Now().UTC().Format("2006/01/02/[") + version + "]" + uuid.NewString(),
		"AWS_REGION":                      f.name.Region,
		"AWS_DEFAULT_REGION":              f.name.Region,
		"LAMBDA_TASK_ROOT":                f.runner.config.Dir,
		"_HANDLER":                        "bootstrap",
		"LANG":                            "C.UTF-8",
		"TZ":                              ":UTC",
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			e[name] = value
		}
	}
	maps.Copy(e, f.runner.config.Env)
	e["AWS_LAMBDA_RUNTIME_API"] = address
	out := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		out = append(out, name+"="+e[name])
	}
	return out
}
