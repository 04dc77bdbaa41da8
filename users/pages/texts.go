package pages

// Texts are the words of the pages in one language.
type Texts struct {
	Lang string

	SignIn, SignUp, Continue, Or, More, Elsewhere, With               string
	Username, Email, Phone, EmailOrPhone, Password, NewPassword, Code string
	NoAccount, HaveAccount, Forgot, BackToSignIn                      string
	ConfirmTitle, ConfirmLead, ConfirmDone, Resend, Resent            string
	ForgotTitle, ForgotLead, ForgotSubmit                             string
	ResetTitle, ResetLead, ResetSubmit, ResetDone, ResetNeeded        string
	NewPasswordTitle, NewPasswordLead                                 string
	CodeTitle, CodeLead, CodeLeadTo, AppCodeLead                      string
	ChooseTitle, ChooseLead, ChooseLabel                              string
	CustomTitle, CustomLabel                                          string
	PasskeyTitle, PasskeyLead, PasskeySubmit                          string
	PasskeyFailed, PasskeyScript                                      string
	SetupTitle, SetupLead, SetupKey, SetupOpen                        string
	MailTitle, MailLead                                               string
	Terms, TermsOfUse, PrivacyPolicy                                  string
	Stale, Busy, Failed, Missing, NotHere, BadRequest                 string
	SignedOut, SignedOutLead                                          string
	AtLeast, Upper, Lower, Digit, Symbol                              string
	Ways                                                              map[string]string // challenges, where one is to be chosen
	Attributes                                                        map[string]string
}

// English are the texts there are; other languages fall back to them.
var English = Texts{
	Lang:   "en",
	SignIn: "Sign in", SignUp: "Create account", Continue: "Continue", Or: "or", More: "More", Elsewhere: "Other ways to sign in", With: "Continue with ",
	Username: "Username", Email: "Email address", Phone: "Phone number", EmailOrPhone: "Email address or phone number", Password: "Password", NewPassword: "New password", Code: "Code",
	NoAccount: "Create an account", HaveAccount: "I have an account", Forgot: "Forgot your password?", BackToSignIn: "Back to sign in",
	ConfirmTitle: "Confirm your account", ConfirmLead: "Enter the code that was sent to ", ConfirmDone: "Your account is confirmed. You can sign in now.", Resend: "Send a new code", Resent: "A new code was sent.",
	ForgotTitle: "Reset your password", ForgotLead: "We will send you a code to choose a new password with.", ForgotSubmit: "Send code",
	ResetTitle: "Choose a new password", ResetLead: "Enter the code that was sent to ", ResetSubmit: "Change password", ResetDone: "Your password is changed. You can sign in now.", ResetNeeded: "Your password must be reset before you can sign in.",
	NewPasswordTitle: "Choose your password", NewPasswordLead: "You signed in with a temporary password. Choose your own to go on.",
	CodeTitle: "Enter your code", CodeLead: "Enter the code that was sent to you.", CodeLeadTo: "Enter the code that was sent to ", AppCodeLead: "Enter the code that your authenticator app shows.",
	ChooseTitle: "Choose how to go on", ChooseLead: "There is more than one way to prove that it is you.", ChooseLabel: "Ways",
	CustomTitle: "One more step", CustomLabel: "Answer",
	PasskeyTitle: "Use your passkey", PasskeyLead: "Your device will ask you for it.", PasskeySubmit: "Continue with passkey",
	PasskeyFailed: "The passkey was not given. Try again, or sign in another way.", PasskeyScript: "Passkeys need JavaScript. Switch it on, or sign in another way.",
	SetupTitle: "Set up an authenticator app", SetupLead: "Scan the picture with an authenticator app, or type the key in. Then enter the code the app shows.", SetupKey: "Key", SetupOpen: "Open in an authenticator app on this device",
	MailTitle: "Add your email address", MailLead: "A code is sent there each time you sign in.",
	Terms: "By creating an account you accept:", TermsOfUse: "Terms of use", PrivacyPolicy: "Privacy policy",
	Stale: "The page was open for too long, or was changed. Please try again.", Busy: "There are too many requests. Please try again in a moment.", Failed: "Something went wrong. Please try again.",
	Missing: "Please fill in all fields.", NotHere: "There is nothing here.", BadRequest: "The app's request is not valid",
	SignedOut: "Signed out", SignedOutLead: "You are signed out.",
	AtLeast: "At least %d characters", Upper: "an upper-case letter", Lower: "a lower-case letter", Digit: "a number", Symbol: "a symbol",
	Ways: map[string]string{
		"SMS_MFA": "A code by text message", "SOFTWARE_TOKEN_MFA": "A code of an authenticator app", "EMAIL_OTP": "A code by email", "SMS_OTP": "A code by text message",
		"PASSWORD": "Password", "PASSWORD_SRP": "Password", "WEB_AUTHN": "Passkey",
	},
	Attributes: map[string]string{
		"address": "Address", "birthdate": "Date of birth", "email": "Email address", "family_name": "Family name", "gender": "Gender", "given_name": "Given name", "locale": "Language",
		"middle_name": "Middle name", "name": "Name", "nickname": "Nickname", "phone_number": "Phone number, with country code", "picture": "Picture (address)", "preferred_username": "Preferred username",
		"profile": "Profile (address)", "website": "Website", "zoneinfo": "Time zone",
	},
}

// For are the texts of a language, as lang names it ("de", "pt-BR").
func For(string) Texts { return English }
