//go:build !linux

package keys

// Guard can do nothing on this system.
func Guard() []string {
	return []string{"keys in memory may be swapped or dumped: this system is not looked after"}
}
