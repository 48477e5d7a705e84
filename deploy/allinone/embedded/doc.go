// Package embedded runs a whole Temporal cluster (frontend, history, matching, its internal worker) and the web UI inside
// this process, on loopback only. Nobody has to sign in there: what reaches its ports may decide. Two stores are offered:
// a SQLite file for a first evaluation, and PostgreSQL for an office.
//
// The shape follows the development server of temporalio/cli (MIT), written anew: that one can't be imported.
package embedded
