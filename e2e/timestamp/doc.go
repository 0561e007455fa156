// Package timestamp runs our time-stamp client against sigstore's authority, a
// server that others keep. It is a module of its own because the server brings
// the clients of three clouds along.
package timestamp
