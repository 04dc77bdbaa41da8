package hub

import "go.yaml.in/yaml/v3"

// Project is what a project file says: the features wanted, and the whole document as it was written.
type Project struct {
	Name   string
	Region string

	SignIn       *SignIn // nil: off
	Hosting      *Hosting
	APIs         []API
	Tables       []Table
	UserFiles    bool
	WildcardCORS bool // of user files: any origin
	UserSettings bool
	Analytics    bool
	Push         bool
	Bots         []string
	Uploads      []Upload

	Files    map[string][]byte // what the zip holds besides the project file, by clean relative path
	Warnings []string          // what was understood but is not served, and what was not understood

	doc     *yaml.Node // root mapping, aliases resolved; for export
	misread error      // the first value that could not be read, while parsing
}

// SignIn is the sign-in feature.
type SignIn struct {
	Optional bool      // guests may use the app
	Pool     *UserPool // nil: no user pool
}

// UserPool is the user directory of the sign-in feature.
type UserPool struct {
	Existing string // id of a pool that is not the project's own
	Name     string
	Aliases  []string // email, phone_number, preferred_username
	MFA      string   // OFF, ON, OPTIONAL

	MinLength                              int
	Lowercase, Uppercase, Numbers, Symbols bool
}

// Hosting is the content-delivery feature.
type Hosting struct {
	Global bool // public website and CDN; else a bucket for the app's own credentials
}

// API is a cloud-logic API.
type API struct {
	Name           string
	Description    string
	RequiresSignIn bool
	Existing       string // ARN of an API that is not the project's own
	Stage          string
	Paths          []Path // sorted by path
}

// Path is a resource of an API and the function behind it.
type Path struct {
	Path     string // /tasks, /tasks/{proxy+}
	Function Function
}

// Function is the code behind a path.
type Function struct {
	Name        string
	Description string
	CodeFile    string // in Files or in the deployments bucket; "" is the default function
	Handler     string
	Runtime     string
	MemoryMB    int
	TimeoutS    int
	CORS        bool
	Environment map[string]string
}

// Table is a NoSQL table.
type Table struct {
	Name       string // may start with the dynamic prefix
	Privacy    string // public, protected, private
	Attributes []Attribute
	Hash, Sort Attribute // Sort.Name is "" for none
	Indexes    []TableIndex
}

// Attribute is a named attribute and its type: S, N, B, BOOL, L, M, NULL, SS, NS, BS.
type Attribute struct{ Name, Type string }

// TableIndex is a secondary index.
type TableIndex struct {
	Name       string
	Hash, Sort Attribute
}

// Upload is a file to put into a bucket of the project.
type Upload struct {
	File   string
	Target string // user-files, hosting, deployments
}

// DynamicPrefix stands for the project's resource prefix anywhere in table names and environment values.
const DynamicPrefix = "___DYNAMIC_PREFIX___"
