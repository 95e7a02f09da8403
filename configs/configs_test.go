package configs_test

import (
	"testing"

	"cardline/configs"
)

func TestDefaultIsSound(t *testing.T) {
	c, err := configs.Load(configs.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("the default hotline has warnings: %v", c.Warnings)
	}
	if n := len(c.Call().Lines); n != 5 {
		t.Errorf("%d numbers, want 5", n)
	}
}
