// Package sample prints fictitious charts as a scanner would deliver them:
// for a first try of the program, and for tests where no other scans are at
// hand. Every patient is plainly invented, and says so.
//
// What it prints is the same for the same seed.
package sample
