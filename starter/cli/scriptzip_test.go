package cli_test

import (
	"archive/zip"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// zipFolder is the script's command zip FILE FOLDER: FILE holds the folder, under its own name.
func zipFolder(ts *testscript.TestScript, _ bool, args []string) {
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	archive := zip.NewWriter(file)
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(filepath.Dir(ts.MkAbs(args[1])), name)
		if err != nil {
			return err
		}
		writer, err := archive.Create(filepath.ToSlash(inside))
		if err == nil {
			_, err = writer.Write([]byte(ts.ReadFile(name)))
		}
		return err
	}))
	ts.Check(archive.Close())
	ts.Check(file.Close())
}
