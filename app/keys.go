package app

import (
	"os"
	"time"

	"cardline/caller"
	"cardline/configs"
)

// loadKeys reads the keys of callers, and makes one if there is none.
func (a *App) loadKeys(c *configs.Config) (*caller.Keys, error) {
	return caller.LoadKeys(a.options.Data, os.Getenv("CREDENTIALS_DIRECTORY"), c.File.Callers.RepeatWindow)
}

// keysEvery is how often the keys are read again: one that was rotated is taken up,
// and one that is too old is let go.
const keysEvery = time.Hour

// keepKeys reads the keys again from time to time, until the hotline ends.
func (a *App) keepKeys() {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(keysEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			a.mu.Lock()
			keys, err := a.loadKeys(a.config)
			if err != nil {
				a.log.Error().Err(err).Msg("keys of callers not read; those of before are used")
			} else {
				a.hotline.SetKeys(keys)
			}
			a.mu.Unlock()
		}
	}()
	a.begun("keys of callers", func() error {
		close(quit)
		<-done
		return nil
	})
}
