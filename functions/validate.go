package functions

import (
	"slices"
	"sort"
	"strings"

	"bothy/api/lambda"
	"bothy/functions/runner"
	"bothy/wire"
)

// Limits of Lambda that its model does not hold.
const (
	maxTimeout     = 900 // seconds
	maxMemoryMB    = 10240
	maxEnvBytes    = 4096
	defaultTimeout = 3
	defaultMemory  = 128
	tmpMB          = runner.MaxTmpBytes >> 20
)

// nodeRuntime tells whether functions of a runtime can run here: all of Node.js, on the installed node.
func nodeRuntime(name string) bool {
	return strings.HasPrefix(name, "nodejs") && name != "nodejs4.3-edge"
}

func checkRuntime(name wire.Opt[string]) error {
	switch {
	case !name.Set:
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case !nodeRuntime(name.V):
		return invalid("The runtime parameter of %s is not supported by this node; it runs functions of the runtimes nodejs4.3 to nodejs26.x.", name.V)
	}
	return nil
}

func checkNumbers(timeout, memory wire.Opt[int32]) error {
	if timeout.Or(1) > maxTimeout {
		return invalid("1 validation error detected: Value '%d' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to %d", timeout.V, maxTimeout)
	}
	if memory.Or(defaultMemory) > maxMemoryMB {
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to %d", maxMemoryMB)
	}
	return nil
}

func checkEnv(env *lambda.Environment) error {
	if env == nil {
		return nil
	}
	size := 0
	var taken []string
	for k, v := range env.Variables {
		size += len(k) + len(v) + 2
		if runner.Reserved(k) {
			taken = append(taken, k)
		}
		if strings.ContainsRune(k, 0) || strings.ContainsRune(v, 0) {
			return invalid("Lambda was unable to configure your environment variables because they contain a null character.")
		}
	}
	if len(taken) > 0 {
		sort.Strings(taken)
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	if size > maxEnvBytes {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %d bytes", size)
	}
	return nil
}

// unsupported refuses what this node does not do, rather than forget it.
func unsupported(set map[string]bool) error {
	var names []string
	for name, is := range set {
		if is {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return invalid("Not supported by this node: %s.", strings.Join(names, ", "))
}

func checkCreate(in *lambda.CreateFunctionInput) error {
	if err := unsupported(map[string]bool{
		"PackageType Image":        in.PackageType.V == "Image" || in.Code.ImageUri.Set,
		"VpcConfig":                in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0,
		"DeadLetterConfig":         in.DeadLetterConfig != nil && in.DeadLetterConfig.TargetArn.V != "",
		"KMSKeyArn":                in.KMSKeyArn.V != "",
		"TracingConfig Active":     in.TracingConfig != nil && in.TracingConfig.Mode.V == "Active",
		"Layers":                   len(in.Layers) > 0,
		"FileSystemConfigs":        len(in.FileSystemConfigs) > 0,
		"CodeSigningConfigArn":     in.CodeSigningConfigArn.V != "",
		"ImageConfig":              in.ImageConfig != nil,
		"EphemeralStorage":         in.EphemeralStorage != nil && in.EphemeralStorage.Size.Or(tmpMB) != tmpMB,
		"SnapStart":                in.SnapStart != nil && in.SnapStart.ApplyOn.V == "PublishedVersions",
		"CapacityProviderConfig":   in.CapacityProviderConfig != nil,
		"TenancyConfig":            in.TenancyConfig != nil,
		"DurableConfig":            in.DurableConfig != nil,
		"PublishTo":                in.PublishTo.Set,
		"LoggingConfig.LogGroup":   in.LoggingConfig != nil && in.LoggingConfig.LogGroup.Set,
		"LoggingConfig.JSON":       in.LoggingConfig != nil && in.LoggingConfig.LogFormat.V == "JSON",
		"Code.SourceKMSKeyArn":     in.Code.SourceKMSKeyArn.V != "",
		"Code.S3ObjectStorageMode": in.Code.S3ObjectStorageMode.Set,
	}); err != nil {
		return err
	}
	if err := checkRuntime(in.Runtime); err != nil {
		return err
	}
	if !in.Handler.Set || in.Handler.V == "" {
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if err := checkNumbers(in.Timeout, in.MemorySize); err != nil {
		return err
	}
	return checkEnv(in.Environment)
}

func checkUpdate(in *lambda.UpdateFunctionConfigurationInput) error {
	if err := unsupported(map[string]bool{
		"VpcConfig":              in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0,
		"DeadLetterConfig":       in.DeadLetterConfig != nil && in.DeadLetterConfig.TargetArn.V != "",
		"KMSKeyArn":              in.KMSKeyArn.V != "",
		"TracingConfig Active":   in.TracingConfig != nil && in.TracingConfig.Mode.V == "Active",
		"Layers":                 len(in.Layers) > 0,
		"FileSystemConfigs":      len(in.FileSystemConfigs) > 0,
		"ImageConfig":            in.ImageConfig != nil,
		"EphemeralStorage":       in.EphemeralStorage != nil && in.EphemeralStorage.Size.Or(tmpMB) != tmpMB,
		"SnapStart":              in.SnapStart != nil && in.SnapStart.ApplyOn.V == "PublishedVersions",
		"CapacityProviderConfig": in.CapacityProviderConfig != nil,
		"DurableConfig":          in.DurableConfig != nil,
		"LoggingConfig.LogGroup": in.LoggingConfig != nil && in.LoggingConfig.LogGroup.Set,
		"LoggingConfig.JSON":     in.LoggingConfig != nil && in.LoggingConfig.LogFormat.V == "JSON",
	}); err != nil {
		return err
	}
	if in.Runtime.Set {
		if err := checkRuntime(in.Runtime); err != nil {
			return err
		}
	}
	if in.Handler.Set && in.Handler.V == "" {
		return invalid("Handler cannot be empty.")
	}
	if err := checkNumbers(in.Timeout, in.MemorySize); err != nil {
		return err
	}
	return checkEnv(in.Environment)
}
