// Handlers as the tutorials of 2016 have them: callbacks that end in context.done. A password by SRP, then a CAPTCHA.
exports.define = function (event, context) {
    var session = event.request.session;
    var last = session[session.length - 1];
    event.response.issueTokens = false;
    event.response.failAuthentication = false;
    if (session.length == 1 && last.challengeName == 'SRP_A') {
        event.response.challengeName = 'PASSWORD_VERIFIER';
    } else if (session.length == 2 && last.challengeName == 'PASSWORD_VERIFIER' && last.challengeResult == true) {
        event.response.challengeName = 'CUSTOM_CHALLENGE';
    } else if (session.length == 3 && last.challengeName == 'CUSTOM_CHALLENGE' && last.challengeResult == true) {
        event.response.issueTokens = true;
    } else {
        event.response.failAuthentication = true;
    }
    context.done(null, event);
};

exports.create = function (event, context) {
    if (event.request.session.length == 2 && event.request.challengeName == 'CUSTOM_CHALLENGE') {
        event.response.publicChallengeParameters = {};
        event.response.publicChallengeParameters.captchaUrl = 'url/123.jpg';
        event.response.privateChallengeParameters = {};
        event.response.privateChallengeParameters.answer = '5';
        event.response.challengeMetadata = 'CAPTCHA_CHALLENGE';
    }
    context.done(null, event);
};

exports.verify = function (event, context) {
    event.response.answerCorrect = event.request.privateChallengeParameters.answer == event.request.challengeAnswer;
    context.done(null, event);
};

// The CAPTCHA alone, which may be tried twice.
exports.defineAlone = function (event, context) {
    var session = event.request.session;
    var solved = session.length > 0 && session[session.length - 1].challengeResult;
    event.response.issueTokens = solved;
    event.response.failAuthentication = !solved && session.length == 2;
    event.response.challengeName = 'CUSTOM_CHALLENGE';
    context.done(null, event);
};

exports.createAlone = function (event, context) {
    event.response.publicChallengeParameters = { captchaUrl: 'url/' + event.request.session.length + '.jpg' };
    event.response.privateChallengeParameters = { answer: '5' };
    event.response.challengeMetadata = 'CAPTCHA_CHALLENGE';
    context.done(null, event);
};
