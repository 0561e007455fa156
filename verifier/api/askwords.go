package api

// askText are the words of our page.
type askText struct {
	Title, Asks, For, Basis, Privacy, Browser, Here, Open, There, Scan, Picture, Copy, Own, Reload, Lang string
	Waiting, Fetched, Answered, Done, Expired, Failed                                                    string
	Error, Other, Over, Denied, Fault, Help                                                              string
}

var askTexts = map[string]askText{
	"nl": {
		Title: "Gegevens delen", Asks: "vraagt gegevens uit uw portemonnee", For: "Doel", Basis: "Rechtsgrond", Privacy: "Privacyverklaring",
		Browser: "Delen met deze browser", Here: "Op dit toestel", Open: "Open mijn portemonnee", There: "Op een ander toestel",
		Scan: "Scan deze code met de portemonnee op uw telefoon.", Picture: "QR-code; de koppeling eronder doet hetzelfde", Copy: "Kunt u niet scannen? Kopieer dan deze koppeling naar uw portemonnee:",
		Own: "Geef code en koppeling aan niemand anders. U ziet in uw portemonnee wat er gevraagd wordt, en beslist daar.", Reload: "Ik heb in mijn portemonnee geantwoord", Lang: "Taal",
		Waiting: "Wij wachten op uw portemonnee.", Fetched: "Uw portemonnee heeft de vraag. Beslis daar.", Answered: "Uw antwoord is er. Ga verder in het venster dat uw portemonnee opende.",
		Done: "Dit is afgerond. U kunt dit venster sluiten.", Expired: "De tijd is om. Begin opnieuw op de site waar u vandaan komt.", Failed: "Deze browser kon niets delen. Kies een andere manier.",
		Error: "Dat is niet gelukt", Other: "Deze pagina werd in een andere browser geopend. Ga daar verder, of begin opnieuw op de site waar u vandaan komt.",
		Over: "Deze vraag is er niet meer. Begin opnieuw op de site waar u vandaan komt.", Denied: "Deze organisatie mag dit nu niet vragen.", Fault: "Er ging iets mis. Probeer het over enkele minuten opnieuw.", Help: "Vraagt u hulp? Geef dan deze referentie:",
	},
	"fr": {
		Title: "Partager des données", Asks: "demande des données de votre portefeuille", For: "Finalité", Basis: "Base juridique", Privacy: "Déclaration de confidentialité",
		Browser: "Partager avec ce navigateur", Here: "Sur cet appareil", Open: "Ouvrir mon portefeuille", There: "Sur un autre appareil",
		Scan: "Scannez ce code avec le portefeuille de votre téléphone.", Picture: "Code QR ; le lien ci-dessous a le même effet", Copy: "Vous ne pouvez pas scanner ? Copiez ce lien dans votre portefeuille :",
		Own: "Ne donnez ce code et ce lien à personne d’autre. Votre portefeuille montre ce qui est demandé ; c’est là que vous décidez.", Reload: "J’ai répondu dans mon portefeuille", Lang: "Langue",
		Waiting: "Nous attendons votre portefeuille.", Fetched: "Votre portefeuille a la demande. Décidez-y.", Answered: "Votre réponse est arrivée. Continuez dans la fenêtre que votre portefeuille a ouverte.",
		Done: "C’est terminé. Vous pouvez fermer cette fenêtre.", Expired: "Le temps est écoulé. Recommencez sur le site d’où vous venez.", Failed: "Ce navigateur n’a rien pu partager. Choisissez une autre façon.",
		Error: "Cela n’a pas fonctionné", Other: "Cette page a été ouverte dans un autre navigateur. Continuez-y, ou recommencez sur le site d’où vous venez.",
		Over: "Cette demande n’existe plus. Recommencez sur le site d’où vous venez.", Denied: "Cette organisation ne peut pas demander cela pour le moment.", Fault: "Une erreur s’est produite. Réessayez dans quelques minutes.", Help: "Besoin d’aide ? Indiquez cette référence :",
	},
	"de": {
		Title: "Daten teilen", Asks: "bittet um Daten aus Ihrer Brieftasche", For: "Zweck", Basis: "Rechtsgrundlage", Privacy: "Datenschutzerklärung",
		Browser: "Mit diesem Browser teilen", Here: "Auf diesem Gerät", Open: "Meine Brieftasche öffnen", There: "Auf einem anderen Gerät",
		Scan: "Scannen Sie diesen Code mit der Brieftasche auf Ihrem Telefon.", Picture: "QR-Code; der Link darunter bewirkt dasselbe", Copy: "Können Sie nicht scannen? Kopieren Sie diesen Link in Ihre Brieftasche:",
		Own: "Geben Sie Code und Link niemandem sonst. Ihre Brieftasche zeigt, worum gebeten wird; dort entscheiden Sie.", Reload: "Ich habe in meiner Brieftasche geantwortet", Lang: "Sprache",
		Waiting: "Wir warten auf Ihre Brieftasche.", Fetched: "Ihre Brieftasche hat die Anfrage. Entscheiden Sie dort.", Answered: "Ihre Antwort ist da. Fahren Sie in dem Fenster fort, das Ihre Brieftasche geöffnet hat.",
		Done: "Das ist abgeschlossen. Sie können dieses Fenster schließen.", Expired: "Die Zeit ist abgelaufen. Beginnen Sie erneut auf der Seite, von der Sie kommen.", Failed: "Dieser Browser konnte nichts teilen. Wählen Sie einen anderen Weg.",
		Error: "Das hat nicht geklappt", Other: "Diese Seite wurde in einem anderen Browser geöffnet. Fahren Sie dort fort, oder beginnen Sie erneut auf der Seite, von der Sie kommen.",
		Over: "Diese Anfrage gibt es nicht mehr. Beginnen Sie erneut auf der Seite, von der Sie kommen.", Denied: "Diese Organisation darf das zurzeit nicht fragen.", Fault: "Etwas ging schief. Versuchen Sie es in einigen Minuten erneut.", Help: "Brauchen Sie Hilfe? Nennen Sie diese Referenz:",
	},
	"en": {
		Title: "Share data", Asks: "asks for data from your wallet", For: "Purpose", Basis: "Legal basis", Privacy: "Privacy statement",
		Browser: "Share with this browser", Here: "On this device", Open: "Open my wallet", There: "On another device",
		Scan: "Scan this code with the wallet on your phone.", Picture: "QR code; the link below does the same", Copy: "You cannot scan? Copy this link into your wallet:",
		Own: "Give code and link to nobody else. Your wallet shows what is asked, and there you decide.", Reload: "I answered in my wallet", Lang: "Language",
		Waiting: "We are waiting for your wallet.", Fetched: "Your wallet has the question. Decide there.", Answered: "Your answer has arrived. Go on in the window that your wallet opened.",
		Done: "This is done. You can close this window.", Expired: "The time is over. Start again at the site where you came from.", Failed: "This browser could not share anything. Choose another way.",
		Error: "That did not work", Other: "This page was opened in another browser. Go on there, or start again at the site where you came from.",
		Over: "This question is not there any more. Start again at the site where you came from.", Denied: "This organisation may not ask this now.", Fault: "Something went wrong. Try again in some minutes.", Help: "Need help? Give this reference:",
	},
}
