package api

type text map[string]string

// words are all texts of the pages, by language.
var words = map[string]text{
	"nl": {
		"consent": "Mag uw portemonnee deze gegevens ophalen?", "wallet": "Portemonnee", "what": "Gegevens", "from": "Bij",
		"consenthelp": "Kwam u hier niet vanuit uw eigen portemonnee? Weiger dan: iemand anders kan u deze koppeling gestuurd hebben.",
		"allow":       "Ja, ophalen", "deny": "Nee, weigeren", "back": "Terug naar uw portemonnee", "notforyou": "Dit aanbod is niet voor u, of het is verlopen.",
		"offer": "Uw gegevens staan klaar", "nothing": "Geen gegevens gevonden", "error": "Dat is niet gelukt",
		"later":   "Aantal bewijzen die de leverancier later klaar heeft; uw portemonnee vraagt ze dan opnieuw:",
		"refused": "Niet opgehaald", "nodata": "De leverancier heeft geen gegevens over u.",
		"none": "De leverancier heeft gegevens over u, maar geen daarvan kan verzegeld worden.", "record": "Bewijs",
		"ask": "Vraagt u hulp? Geef dan deze referentie:",
	},
	"fr": {
		"consent": "Votre portefeuille peut-il récupérer ces données ?", "wallet": "Portefeuille", "what": "Données", "from": "Auprès de",
		"consenthelp": "Vous n’êtes pas venu ici depuis votre propre portefeuille ? Refusez : quelqu’un d’autre a pu vous envoyer ce lien.",
		"allow":       "Oui, récupérer", "deny": "Non, refuser", "back": "Retour à votre portefeuille", "notforyou": "Cette offre ne vous est pas destinée, ou elle a expiré.",
		"offer": "Vos données sont prêtes", "nothing": "Aucune donnée trouvée", "error": "Cela n’a pas fonctionné",
		"later":   "Nombre de titres que le fournisseur aura plus tard ; votre portefeuille les redemandera :",
		"refused": "Non récupéré", "nodata": "Le fournisseur n’a pas de données vous concernant.",
		"none": "Le fournisseur a des données vous concernant, mais aucune ne peut être scellée.", "record": "Titre",
		"ask": "Besoin d’aide ? Indiquez cette référence :",
	},
	"de": {
		"consent": "Darf Ihre Brieftasche diese Daten abholen?", "wallet": "Brieftasche", "what": "Daten", "from": "Bei",
		"consenthelp": "Kamen Sie nicht aus Ihrer eigenen Brieftasche hierher? Dann lehnen Sie ab: Jemand anderes kann Ihnen diesen Link geschickt haben.",
		"allow":       "Ja, abholen", "deny": "Nein, ablehnen", "back": "Zurück zu Ihrer Brieftasche", "notforyou": "Dieses Angebot ist nicht für Sie, oder es ist abgelaufen.",
		"offer": "Ihre Daten stehen bereit", "nothing": "Keine Daten gefunden", "error": "Das hat nicht geklappt",
		"later":   "Anzahl der Nachweise, die der Lieferant später hat; Ihre Brieftasche fragt dann erneut:",
		"refused": "Nicht abgeholt", "nodata": "Der Lieferant hat keine Daten über Sie.",
		"none": "Der Lieferant hat Daten über Sie, aber keine davon kann besiegelt werden.", "record": "Nachweis",
		"ask": "Brauchen Sie Hilfe? Nennen Sie diese Referenz:",
	},
	"en": {
		"consent": "May your wallet collect these data?", "wallet": "Wallet", "what": "Data", "from": "From",
		"consenthelp": "Did you not come here from your own wallet? Then refuse: somebody else may have sent you this link.",
		"allow":       "Yes, collect", "deny": "No, refuse", "back": "Back to your wallet", "notforyou": "This offer is not for you, or it is over.",
		"offer": "Your data are ready", "nothing": "No data found", "error": "That did not work",
		"later":   "Number of records that the supplier will have later; your wallet will ask again:",
		"refused": "Not collected", "nodata": "The supplier holds no data about you.",
		"none": "The supplier holds data about you, but none of them can be sealed.", "record": "Record",
		"ask": "Need help? Give this reference:",
	},
}

// reasons why a record was refused, in the citizen's language.
var reasons = map[string]text{
	"wrong_subject":        {"nl": "gaat over iemand anders", "fr": "concerne une autre personne", "de": "betrifft eine andere Person", "en": "is about somebody else"},
	"annulled":             {"nl": "is geannuleerd", "fr": "est annulé", "de": "wurde annulliert", "en": "was annulled"},
	"self_declared":        {"nl": "is uw eigen verklaring", "fr": "est votre propre déclaration", "de": "ist Ihre eigene Erklärung", "en": "is your own statement"},
	"not_authentic":        {"nl": "is niet authentiek", "fr": "n’est pas authentique", "de": "ist nicht authentisch", "en": "is not authentic"},
	"unknown_status":       {"nl": "heeft een onbekende status", "fr": "a un statut inconnu", "de": "hat einen unbekannten Status", "en": "has an unknown status"},
	"duplicate":            {"nl": "komt dubbel voor", "fr": "figure en double", "de": "kommt doppelt vor", "en": "appears twice"},
	"malformed":            {"nl": "is onvolledig", "fr": "est incomplet", "de": "ist unvollständig", "en": "is incomplete"},
	"missing_claim":        {"nl": "mist een verplicht gegeven", "fr": "manque d’une donnée obligatoire", "de": "es fehlt eine Pflichtangabe", "en": "lacks a required value"},
	"unusable":             {"nl": "heeft een vorm die niet verzegeld kan worden", "fr": "a une forme qui ne peut être scellée", "de": "hat eine Form, die nicht besiegelt werden kann", "en": "has a form that cannot be sealed"},
	"identifier_in_claims": {"nl": "bevat een rijksregisternummer", "fr": "contient un numéro national", "de": "enthält eine Nationalregisternummer", "en": "holds a national number"},
}

// troubles are what the error page says, by the title of the problem.
var troubles = map[string]text{
	titleNoVault: {
		"nl": "De toegang uit uw kluis is niet geldig meer of werd al gebruikt. Begin opnieuw vanuit uw kluis.",
		"fr": "L’accès depuis votre coffre n’est plus valable ou a déjà servi. Recommencez depuis votre coffre.",
		"de": "Der Zugang aus Ihrem Tresor gilt nicht mehr oder wurde schon benutzt. Beginnen Sie erneut in Ihrem Tresor.",
		"en": "The access from your vault is not valid any more or was used before. Start again from your vault.",
	},
	titlePlatform: {
		"nl": "Uw kluis is nu niet bereikbaar. Probeer het over enkele minuten opnieuw.",
		"fr": "Votre coffre n’est pas joignable pour le moment. Réessayez dans quelques minutes.",
		"de": "Ihr Tresor ist zurzeit nicht erreichbar. Versuchen Sie es in einigen Minuten erneut.",
		"en": "Your vault cannot be reached now. Try again in some minutes.",
	},
	titleSupplier: {
		"nl": "Deze leverancier kennen wij niet. Begin opnieuw vanuit uw kluis.",
		"fr": "Nous ne connaissons pas ce fournisseur. Recommencez depuis votre coffre.",
		"de": "Diesen Lieferanten kennen wir nicht. Beginnen Sie erneut in Ihrem Tresor.",
		"en": "We do not know this supplier. Start again from your vault.",
	},
	titleAway: {
		"nl": "De leverancier antwoordt nu niet. Probeer het over enkele minuten opnieuw.",
		"fr": "Le fournisseur ne répond pas pour le moment. Réessayez dans quelques minutes.",
		"de": "Der Lieferant antwortet zurzeit nicht. Versuchen Sie es in einigen Minuten erneut.",
		"en": "The supplier does not answer now. Try again in some minutes.",
	},
	titleUnusable: {
		"nl": "De leverancier gaf een antwoord dat wij niet kunnen gebruiken. Meld het met de referentie hieronder.",
		"fr": "Le fournisseur a donné une réponse inutilisable. Signalez-le avec la référence ci-dessous.",
		"de": "Der Lieferant gab eine Antwort, die wir nicht verwenden können. Melden Sie es mit der Referenz unten.",
		"en": "The supplier gave an answer that we cannot use. Report it with the reference below.",
	},
	titleRequest: {
		"nl": "Deze aanvraag van uw portemonnee is verlopen of werd al beantwoord. Begin opnieuw vanuit uw portemonnee.",
		"fr": "Cette demande de votre portefeuille a expiré ou a déjà reçu une réponse. Recommencez depuis votre portefeuille.",
		"de": "Diese Anfrage Ihrer Brieftasche ist abgelaufen oder wurde schon beantwortet. Beginnen Sie erneut in Ihrer Brieftasche.",
		"en": "This request of your wallet is over or was answered before. Start again from your wallet.",
	},
	titleSignInOff: {
		"nl": "Aanmelden lukt nu niet. Probeer het over enkele minuten opnieuw.",
		"fr": "La connexion est impossible pour le moment. Réessayez dans quelques minutes.",
		"de": "Die Anmeldung ist zurzeit nicht möglich. Versuchen Sie es in einigen Minuten erneut.",
		"en": "Signing in does not work now. Try again in some minutes.",
	},
	titleSignIn: {
		"nl": "U bent niet aangemeld, of de aanmelding duurde te lang. Begin opnieuw vanuit uw kluis.",
		"fr": "Vous n’êtes pas connecté, ou la connexion a pris trop de temps. Recommencez depuis votre coffre.",
		"de": "Sie sind nicht angemeldet, oder die Anmeldung dauerte zu lange. Beginnen Sie erneut in Ihrem Tresor.",
		"en": "You are not signed in, or it took too long. Start again from your vault.",
	},
	"busy": {
		"nl": "Het is nu te druk. Probeer het over enkele minuten opnieuw.",
		"fr": "Il y a trop de demandes pour le moment. Réessayez dans quelques minutes.",
		"de": "Zurzeit gibt es zu viele Anfragen. Versuchen Sie es in einigen Minuten erneut.",
		"en": "There are too many requests now. Try again in some minutes.",
	},
	"fault": {
		"nl": "Er ging bij ons iets mis. Probeer het later opnieuw.",
		"fr": "Un problème est survenu chez nous. Réessayez plus tard.",
		"de": "Bei uns ist etwas schiefgegangen. Versuchen Sie es später erneut.",
		"en": "Something went wrong at our end. Try again later.",
	},
	"again": {
		"nl": "De vraag was onvolledig. Begin opnieuw vanuit uw kluis.",
		"fr": "La demande était incomplète. Recommencez depuis votre coffre.",
		"de": "Die Anfrage war unvollständig. Beginnen Sie erneut in Ihrem Tresor.",
		"en": "The request was incomplete. Start again from your vault.",
	},
}
