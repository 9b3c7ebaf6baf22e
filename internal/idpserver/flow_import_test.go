package idpserver_test

import (
	"strings"
	"testing"
)

// The hashes of passwords that other systems have made: PHP, OpenSSL, and Firebase in its documentation.
var foreign = []struct{ algorithm, hash, password string }{
	{"BCRYPT", "$2y$10$R7A4ZaWOIIYlYW5yOrK22ubLcnf6pAXpVg30Cy8M01REx.41m6JV.", "Passw0rd!"},
	{"ARGON2ID", "$argon2id$v=19$m=19456,t=2,p=1$ZUpLblNHV0RJVXZaSkI0Lw$A/KQfolr+1R48jtVOqtdHf8rRPLgNQ/fZTqCLEcsdRE", "Passw0rd!"},
	{"SCRYPT", "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea", "Passw0rd!"},
	{"PBKDF2_SHA256", "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$2/6i32L0Bi6MtP2OuJMPcqA89.m4kdqqE3/bAThGMxs", "Passw0rd!"},
	{"SCRYPT", "$firebase-scrypt$ln=14,r=8$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$" +
		"42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", "user1password"},
}

// imports imports a user into the script's pool, with a hash or without.
func (s *script) imports(name, algorithm, hash string) {
	s.Helper()
	for _, kept := range []string{"job", "url"} {
		delete(s.Kept, kept)
	}
	s.Steps("! import-header",
		`> CreateUserImportJob {"UserPoolId":"${pool}","JobName":"hashes","CloudWatchLogsRoleArn":"arn:aws:iam::000000000000:role/logs","PasswordHashingAlgorithm":"`+algorithm+`"}`,
		`< {"UserImportJob":{"...":1,"JobId":"${job}","PreSignedUrl":"${url}"}}`,
		"! put ${url} 200 ${header},password_hash ,,,,,,,,,"+name+"@example.com,true,,,,,,,,,,"+name+","+strings.ReplaceAll(hash, ",", `\,`),
		`> StartUserImportJob {"UserPoolId":"${pool}","JobId":"${job}"}`, `< {"UserImportJob":"*"}`,
		"! wait-import ${job}", "! log [SUCCEEDED] Line Number 2 - The import succeeded.|")
}

// TestImportedHashes signs in whoever has come with the hash of a password: by the password alone until the first time,
// and in all ways from then on.
func TestImportedHashes(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		d, admin := s.door("pool", "choice", false), s.door("pool", "choice", true)
		for i, f := range foreign {
			name := strings.ToLower(strings.ReplaceAll(f.algorithm, "_", "-")) + string(rune('a'+i))
			s.imports(name, f.algorithm, f.hash)
			s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"`+name+`"}`, `< {"...":1,"UserStatus":"CONFIRMED"}`)
			s.refused(name+" by SRP", d.srp(name, f.password), incorrect)
			s.offers(name, d.choose(name, ""), "PASSWORD", "EMAIL_OTP")
			s.offers(name+" by a chosen SRP", d.choose(name, "PASSWORD_SRP"), "PASSWORD", "EMAIL_OTP")
			s.refused(name+" by a wrong password", d.password(name, "wrong"), incorrect)
			switch i % 3 { // the first time, in one of the ways there are
			case 0:
				s.granted(name, d.password(name, f.password))
			case 1:
				s.granted(name, admin.password(name, f.password))
			case 2:
				s.granted(name, d.choose(name, "PASSWORD", "PASSWORD", f.password))
			}
			s.granted(name+" by SRP then", d.srp(name, f.password))
			s.granted(name+" by the password then", d.password(name, f.password))
			s.offers(name+" then", d.choose(name, ""), "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")
		}
	})
}

// TestImportedHashLocks counts wrong passwords against an imported hash as against any other.
func TestImportedHashLocks(t *testing.T) {
	onEngines(t, func(s *script) {
		s.imports("alice", "SCRYPT", foreign[2].hash)
		d := s.door("pool", "client", false)
		for range 5 {
			s.refused("a guess", d.password("alice", "wrong"), incorrect)
		}
		s.refused("the password while it is locked", d.password("alice", foreign[2].password), "NotAuthorizedException: Password attempts exceeded")
	})
}

// TestImportedWithoutHash has whoever comes without a hash reset the password, whatever the job's algorithm.
func TestImportedWithoutHash(t *testing.T) {
	onEngines(t, func(s *script) {
		s.imports("alice", "BCRYPT", "")
		d := s.door("pool", "client", false)
		s.refused("by password", d.password("alice", password), "PasswordResetRequiredException: Password reset required for the user")
	})
}
