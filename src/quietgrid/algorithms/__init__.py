"""Pure arithmetic on arrays: arrays in, arrays or refusals out; no state, no files, no clock."""
