"""Phone: calls and short messages. See domain.py."""
from domain import Domain

CONTACTS = {c: c for c in (
    "Anna|Peter|John|Sarah|Tom|Maria|Alex|Lisa|Michael|Paul|Julia|David|Laura|Max|Sophie|Daniel|Emma|Robert|Kate|Simon|Nina|Martin|Eva|Chris|Helen|Oliver|Clara|Frank|Grace|Henry").split("|")}
CONTACTS |= {"mom": "mom|mum|my mother|my mom|mama", "dad": "dad|my father|my dad|papa", "wife": "my wife", "husband": "my husband", "brother": "my brother", "sister": "my sister",
             "boss": "my boss|the boss", "office": "the office|my office", "grandma": "grandma|my grandmother|granny|my grandma", "doctor": "my doctor|the doctor|the doctor's office",
             "school": "the school|the kids' school", "babysitter": "the babysitter|our babysitter", "home": "home|our house", "neighbor": "my neighbor|my neighbour|the neighbours"}
MESSAGES = {
    "late": "[that] (I'm|I'll be|we're|we'll be|I am|I will be) [running] [a bit|a little] late|[that] (I'm|we're) running late|[that] it takes longer",
    "on_my_way": "[that] (I'm|I am|we're|we are) on (my|our|the) way|[that] (I'm|we're) coming|[that] (I've|we've) left",
    "arrived": "[that] (I'm|we're|I am|we are) (there|here|outside)|[that] (I've|we've|I have) arrived|[that] (I|we) got there [safely]",
    "call_me": "to call me [back]|to (ring|phone) me [back]|to give me a call",
    "busy": "[that] I'm (busy|driving|in the car)|[that] I can't (talk|talk now|speak now)|[that] I am (driving|busy)",
    "love": "[that] I love (her|him|you|them)|[that] I miss (her|him|you|them)"}
ITEMS = {"battery": "phone battery|battery of my phone|charge of my phone|battery level of the phone|phone's battery", "signal": "signal|reception|phone signal|signal strength|mobile reception|network",
         "missed_calls": "missed calls|calls I missed|list of missed calls"}

DOMAIN = Domain("phone", dict(contact=CONTACTS, message=MESSAGES, item=ITEMS), ("contact",),
                r"call|phone|ring|dial|messag|text|mail|write|send|tell|hang up|answer|contact|bluetooth|pair|connect|redial|accept|reject|decline|ignore|speaker|mute|signal|reception|ambulance|"
                r"police|help|emergency|who |remind|know|line|take |read|missed|headphones|heart|sick|forget|open|disturb|ask|say|speak|talk|cancel|contacts",
                more_refuses=r"buzz|whose",
                more_values="Ben|Lucy|George|Amy|Jack|Olivia|Sam|Ella|Leo|Mia|Noah|Ruby|Adam|Zoe|Luke|Ivy|Ryan|Holly|Mark|Jane|Steve|Carol|"
                            "Brian|Wendy|Kevin|Diana|Gary|Fiona|Ian|Claire|Neil|Rachel|Scott|Megan|Tony|Alice|Victor|Irene|Hugo|Marta|Felix|"
                            "Ingrid|Oscar|Petra|Jonas|Greta|Karl|Sabine|Luis|Carmen|Diego|Rosa|Pablo|Elena|Marco|Chiara|Luca|Giulia|Pierre|"
                            "Chloe|Andre|Camille|Ahmed|Fatima|Omar|Leila|Ravi|Priya|Wei|Mei|Kenji|Yuki|Ivan|Olga|Boris|Katya|Lars|Freya|"
                            "Erik|Astrid|Sean|Erin|Liam|Maeve|uncle Bob|aunt Mary|cousin Jim|coach|dentist|landlord|plumber|pizza place|"
                            "hairdresser|accountant|vet|gym|garage|bank|grandpa|son|daughter|girlfriend|boyfriend|roommate|teacher|lawyer|"
                            "Mrs Smith|Mr Jones|Doctor Brown|Ted|Joe|Bill|Sue|Ann|Liz|Rob|Dan|Kim")
wish = DOMAIN.wish
wish("phone_call", [("contact", "$contact")], """
(call|phone|ring|dial) {contact}
(call|phone|ring) {contact} (now|for me|up|please|on the phone)
(give|make) {contact} a (call|ring)
(make|start|place) a (call|phone call) to {contact}
~(I|we) (want|need|would like|'d like|have) to (call|phone|speak to|talk to|speak with|ring|reach) {contact}
(get|put) {contact} on the (phone|line)
(connect|put) me (to|through to|with) {contact}
~let's (call|phone|ring|talk to) {contact}
call to {contact} [please]
{contact} please, on the phone
~(can|could) (I|we) (talk|speak) to {contact}
(dial|use) the number of {contact}
(try|reach|contact) {contact} [by phone|on the phone]
~is {contact} (at home|there)? (call|ring) and ask
phone {contact} up
~(I|we) should (call|phone|ring) {contact}
ring up {contact}
(dial|ring) {contact}'s number
give {contact} a (buzz|bell|tinkle)
""", 3)
wish("phone_send_message", [("contact", "$contact"), ("message", "$message")], """
(text|message) {contact} {message}
(tell|let) {contact} (know|) {message}
(write|send) [a message to|a text to] {contact} {message}
(send|write) {contact} a (message|text|note) {message}
(inform|notify) {contact} {message}
~(I|we) (want|need|would like) to (text|tell|write|message) {contact} {message}
~{contact} should know {message}
(drop|shoot) {contact} a (line|message|text) {message}
(send|write) a (message|text) to {contact} saying {message}
~let's (text|tell|write|message) {contact} {message}
message to {contact}: {message}
text to {contact}, {message}
~(can|could) you (text|tell|write) {contact} {message}
(write|text) to {contact} {message}
""", 2.5)
for fn, text, weight in (
        ("phone_answer", "(answer|accept|take|pick up) (the|this|that) (call|phone call|phone)\n(answer|pick up) [please]\npick (it|the phone) up\n(answer|accept|take) it\n~(I'll|I will|we'll) take (it|this one|the call)\n~I (want|would like) to (answer|take the call|accept the call|pick up)\n~(the phone is ringing|someone is calling), (answer|take it|pick up|get it)\n(get|grab) the (phone|call)\nput (the call|him|her|them) through [to me]\n~yes, (answer|accept|take) the call\naccept the incoming call\nanswer (him|her|them)", 1.2),
        ("phone_hang_up", "hang up [please|now]\n(end|finish|terminate|disconnect|close|stop) (the|this) (call|phone call|conversation)\nhang up (the phone|on him|on her|on them|the call)\n~(I'm|we're) (done|finished) (talking|with the call|on the phone)\n(end|cut|drop) the (call|line)\n~I (want|would like|need) to (hang up|end the call)\nput the phone down\n(call|phone) over\nstop (calling|dialing|dialling)\n(disconnect|cut) (him|her|them) off\nget off the (phone|line)\n~goodbye, end the call", 1.2),
        ("phone_reject", "(reject|decline|refuse|dismiss|ignore|deny) (the|this|that) (call|incoming call|phone call)\n(reject|decline|ignore) (it|him|her|them)\ndon't (answer|take|accept|pick up) (it|the call|the phone|this call)\n~I (don't want to|can't|won't) (answer|talk now|take the call|take this call|pick up)\nsend (it|him|her|the call|the caller) to voicemail\n~not now, (reject|decline|ignore) (it|the call)\nlet it ring\n(reject|decline) [please]\n~no, don't (answer|take it|pick up)\n~I'm busy, (reject|decline) the call\nturn the call away", 1.2),
        ("phone_redial", "redial [please]\n(redial|dial again|call again) [the last number|the last call]\n(call|dial|ring) the last (number|contact|person) again\n(call|ring) (back|again) [the last caller|whoever called]\n(return|call back) the (last|missed) call\n(try|dial) (again|it again|the number again|once more)\n~(I|we) got cut off, call (back|again)\n~it was (engaged|busy), (try|call|dial) again\ncall (him|her|them) (back|again)\n~the line (broke|dropped), (redial|call again|call back)\nrepeat the last call", 0.9),
        ("phone_read_messages", "(read|read out|open|show|check) [me] (my|the) [new|latest|unread|last] (messages|texts|message|text|SMS)\n(do I have|are there|have I got) [any] [new|unread] (messages|texts)\n~I (want|would like) to (hear|read) my [new] (messages|texts)\n(any|new) (messages|texts) [for me] [please]\n~what does the [new|last] (message|text) say\n~who (texted|wrote|messaged) [me]\n(read|tell) me what (he|she|they) (wrote|texted)\n~what did (he|she|they) (write|text)\n~(I|we) got a (message|text), (read it|what does it say)\n(messages|texts) please\nread (it|the message|the text) (aloud|out loud|to me)", 1),
        ("phone_emergency_call", "(call|phone|get|ring) (an ambulance|the police|the fire brigade|the fire department|emergency services|for help|911|112|the emergency number)\n(emergency|emergency call|SOS) [please|now]\n~(I|we) (need|want) (an ambulance|the police|a doctor quickly|emergency help|urgent help)\n(send|get) (help|an ambulance|the police) [now|quickly|here]\n~(there's been|we had|I had|I've had) (an accident|a crash|a bad accident), call (help|for help|someone)\n~someone is (hurt|injured|badly hurt|unconscious|bleeding)\n~I think I'm having a (heart attack|stroke)\n(make|start|place) an emergency call\n~help, (call someone|it's an emergency|we need help)\ndial (911|112|999|the emergency number)\n~this is an emergency\n~(he|she) (isn't|is not) breathing", 1)):
    wish(fn, [], text, weight)
for on, text in (
        (True, "(mute|silence) (my|the) (microphone|mic|mike)\n(turn|switch) off (my|the) (microphone|mic|mike)\n(turn|switch) (my|the) (microphone|mic|mike) off\n(microphone|mic) off [please]\nmute (me|the call|my side|myself)\n~they (shouldn't|must not|don't need to) hear (me|us)\n~I don't want (them|him|her) to hear (me|us|this)\n(put|set) (me|the call|my microphone) on mute\nmake sure (they|he|she) can't hear (me|us)\n(disable|deactivate) the (microphone|mic)"),
        (False, "(unmute) (my|the) (microphone|mic|mike)\n(turn|switch) on (my|the) (microphone|mic|mike)\n(turn|switch) (my|the) (microphone|mic|mike) (on|back on|on again)\n(microphone|mic) on [please]\nunmute (me|the call|my side|myself)\n~they (should|must|need to) hear (me|us) [again]\n~I want (them|him|her) to hear (me|us)\n(take) (me|the call|my microphone) off mute\n~(they|he|she) can't hear (me|us), unmute [me]\n(enable|activate) the (microphone|mic)")):
    wish("phone_set_mute", [("on", on)], text, 0.8)
for target, text in (
        ("car", "(put|switch|move|transfer|take) (the call|it|him|her) (on|to) (speaker|the car|the speakers|the car speakers|the speakerphone|hands free|loudspeaker)\n(speaker|speakerphone|hands free|loudspeaker) [on] [please]\n(turn|switch) on (hands free|the speakerphone|speaker|the loudspeaker)\n~everyone should hear the call\nuse the car('s|) speakers for the call\n~I want to talk hands free\n(use|activate) (hands free|the speakerphone|the loudspeaker)\ncall over the car speakers"),
        ("phone", "(put|switch|move|transfer|take|hand) (the call|it|him|her) (back|over|) (to|on) (the phone|my phone|my mobile|the handset|my cell phone)\n(speaker|speakerphone|hands free|loudspeaker) off [please]\n(turn|switch) off (hands free|the speakerphone|speaker|the loudspeaker)\n~(the call is private|it's private|this is private|it's a private call)\n~nobody else should hear the call\nuse my phone for the call\n~I want to talk on (my phone|the phone|the handset)\n(private|handset) (mode|call) [please]")):
    wish("phone_set_output", [("target", target)], text, 0.8)
for on, text in (
        (True, "(turn|switch) on do not disturb\n(activate|enable|start|use) do not disturb [mode]\ndo not disturb [on|please|mode]\n(no|block|hold|stop) [all] (calls|incoming calls|calls and messages) [please|for now|for a while]\n~I don't want to be (disturbed|called|interrupted)\n~(nobody|no one) should (disturb|call|bother) (me|us)\ndon't (put any calls through|let anyone call|disturb me|let the phone ring)\n(silence|mute) the (phone|ringtone|calls)\n(set|put) the phone [to|on] (silent|do not disturb)"),
        (False, "(turn|switch) off do not disturb\n(deactivate|disable|end|stop) do not disturb [mode]\ndo not disturb off [please]\n(allow|let through|accept) [all] (calls|incoming calls|calls and messages) [again|please]\n~(I|we) can be (disturbed|called|reached) again\n~(people|everyone) (can|may) call (me|us) again\n(put|let) calls through again\n(unsilence|unmute) the (phone|ringtone|calls)\n(take) the phone off (silent|do not disturb)\nlet the phone ring again")):
    wish("phone_set_do_not_disturb", [("on", on)], text, 0.8)
wish("phone_get", [("item", "$item")], """
(what's|what is|how is|show me|tell me|give me) [about] (the|my) {item}
(check|show|read|display) (the|my) {item}
{item} [please]
~(I|we) (want|would like|'d like|need) to (know|see|check) (the|my) {item}
~(can|could) (I|you) (see|check|show me) (the|my) {item}
how (is|about) (the|my) {item}
~what about (the|my) {item}
""", 0.8)
for item, text in (("battery", "how (full|charged|empty) is my phone\nis my phone [almost] (empty|charged|full|dead)\nhow much (battery|charge) (does my phone have|is left on my phone)\ndoes my phone need (charging|to be charged)"),
                   ("signal", "do (I|we) have (reception|a signal|network|any bars)\nhow (good|strong|bad) is the (reception|signal|network)\nis there (reception|a signal|network|any reception) here\nhow many bars do (I|we) have"),
                   ("missed_calls", "who (called|called me|tried to call|rang|phoned)\ndid (anyone|someone|anybody) (call|phone|ring) [me]\ndid I miss (a call|any calls|anything on the phone)\n(do I have|are there) [any] missed calls\nhave I missed (a call|any calls)")):
    wish("phone_get", [("item", item)], "\n".join("~" + t for t in text.splitlines()), 0.4)
