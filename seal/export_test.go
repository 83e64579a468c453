package seal

// CrashAt ends rotations after a step with an error, as if the process had ended there: nothing that
// comes after it is done. It is to be called before they begin.
func CrashAt(k *Keys, step string, err error) {
	k.crash = func(s string) error {
		if s == step {
			return err
		}
		return nil
	}
}

// Hurry has rotations wait for other servers hardly at all.
func Hurry(k *Keys) { k.patience /= 50 }
