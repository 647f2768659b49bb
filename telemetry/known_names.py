"""Names that Brazilians bear, folded, the commonest of IBGE's census first among them.

Those that are also everyday words, places or peoples are left out: they name a person where something introduces one.
"""

GIVEN_NAMES = frozenset(
    """
    abel abilio abner adailton adalberto adalgisa adao adelaide adelia ademar ademilson ademir aderbal adilson
    adriana adriano afonso agatha agnaldo ahmed ailton airton akemi akin akira alan alana alba alberto alcides
    alcione aldair aldenir alessandra alessandro alessia alex alexandre alfredo alice aline aloisio altair
    aluisio alvaro alzira amadeu amalia amanda amaro amelia ana anacleto anahi ananda anastacia anderson andre
    andrea andreia andressa angela angelo anibal anisio anna anthony antonela antonella antonia antonio apolonia
    ariadne ariana ariane aristides aritana arlete arlindo armando arminda arnaldo arthur artur ary ascendino
    athos augusto aureliano aurelio auxiliadora ayana ayla barbara bartolomeu beatriz benedita benedito benicio
    benito benjamin berenice bernadete bernardete bernardo betania bianca boaventura brenda brenno breno bruna
    bruno bryan caetano caio caique camila camilly camilo carina carla carlos carlota carmelita carmem carmen
    carolaine carolina caroline cassandra cassia cassiano cassio catarina catia caua caue cecilia celestino
    celia celina celso cesar cesario chiara cicero cidinha cilene cintia cirilo clara clarice clarissa claudemir
    claudete claudia claudinei claudineia claudio claudionor cleber cleide cleiton cleonice cleusa clodoaldo
    clotilde clovis cosme cremilda cristian cristiana cristiane cristiano cristina cristovao cybele cynthia
    dagmar daiana daiane dalila dalva damaris damiana damiao dandara daniel daniela daniele danilo dario darlene
    davi david dayane dayse debora deise deivid delfina demetrio denilson denis denise dennis deolinda diego
    dimas dinah diogo dirce dirceu djalma dominique donizete doralice dorival douglas dulce dulcineia durval
    edelweiss eder edgar edgard edilene edileuza edilson edimar edinaldo edite edith edivaldo edivania edmar
    edmilson edmundo edna ednaldo edneia edson eduarda eduardo edvaldo edvania efigenia egidio elaine elcio
    eleonora eleuterio eli eliana eliane elias elidia eliete elio elisa elisabete eliseu elizabete elizabeth
    elizangela ellen eloa elton elvira elza emanoel emanuel emanuela emanuele emanuelly emerson emilia emiliano
    emilio emilly eneas enrico enzo epaminondas erasmo eriberto eric erica erick erico erika erinaldo ermelinda
    ernani ernesto esdras estefani estefania estela ester estevao esther eugenia eugenio eulalia eunice euridice
    eustaquio evaldo evandra evandro evaristo evelin evelyn evilasio ezequias ezequiel fabiana fabiano fabio
    fabiola fabricia fabricio fatima feliciano felipe ferdinando fermina fernanda fernando filipe filomena
    firmino flavia flaviana flaviano flavio floriano florinda francesco francieli francielle francielly
    francinete francisca francisco francislaine frederica frederico frieda friedrich fuad fumiko gabriel
    gabriela gabrielly geisa genesio genilson genival genoveva georgina geovana geovane geraldina geraldo gerda
    gerson gertrudes gesse getulio gilberto gilda gildo gilmar gilson gilvan giovana giovani giovanna giovanni
    gisela gisele giselle gislaine giulia giuseppe glaucia glauco gleice gleyson graciela graziela graziele
    gregorio guilherme guilhermina guiomar gunther gustavo hannelore hans haroldo haruo hassan heinrich heitor
    helder helen helena helenice helga helio helmut heloisa heloise henrique henriqueta hercilia herminia hideki
    hilario hilda hilde hildebrando hiroshi horacio hortencia hugo humberto iara icaro idalina igor ilda
    ildefonso ilma inacia inacio indiara ines ingeborg ingrid ingridy iolanda ione iracema iraci iracy iraja
    irene irineu isaac isabel isabela isabella isabelle isadora isaias isaura ismael italo itamar ivan ivana
    ivanete ivani ivanilda ivanildo ivete ivo ivone ivonete izabel izabela izabella izaura izidoro jaciara
    jacinta jacinto jacira jackson jaco jacqueline jader jadson jailson jaime jaina jair jairo jamal jamil
    jamile janaina jandir jandira jane janete janice janio januario jaqueline jarbas jean jeferson jefferson
    jenifer jennifer jeremias jeronimo jesse jessica joab joana joaninha joao joaozinho joaquim joaquina jobson
    joel joelma joice jonas jonatas jonathan jordana jorge josafa jose joseane josefa joselia joselito josemar
    josenildo josiane josias josivaldo josue jovelina joyce juarez jucelia jucelino jucimara judite julia
    juliana juliano julieta juliete julio julita junior jurandir jurema juscelino jussara justina justino
    juvenal kaike karen karin karina karine karla katarina katia kaua kauan kauane kaue kawan kayky kazuo keiko
    keila kelen kelly kellyane kelvin kenia kenji ketlen kevin khalil klaus kurt kwame laercio laila lais
    landulfo lara larissa larisse lauana laudelina laura laurinda laurita lauro layane layla lazaro leandra
    leandro leide leila lenice lenita leocadia leonardo leonel leonidas leopoldo leticia liana lidia lidiane
    ligia lilia lilian liliana liliane lindalva lindinalva lineu lisandra livia lizandra lorena lorenza lorenzo
    lorraine lourenco lourival luan luana lucas lucelia lucia lucian luciana luciano luciene lucila lucilene
    lucimar lucimara lucinda lucineia lucineide lucio luciola ludmila luiggi luis luisa luiz luiza lurdes luzia
    luzimar luzinete lydia madalena magali magda magno maiara maicon mailson maira maisa maite malu manoel
    manoela manuel manuela manuella mara marcela marcelina marcelino marcella marcelo marcia marciano marcilio
    marcio marco marcos margarete margareth maria marialva mariana mariane maribel maricelia mariel marieta
    marilda marileia marilene marilia marilu marilza marina marinalva marineide marinete mario marisa maristela
    marivalda marivaldo marizete marlene marli marlon marluce marly marta martha martinho maryanna mateus
    matheus matilda matilde matteo maura mauricia mauricio mauro maximiliano maya mayara mayra mayumi melissa
    michele midori miguel mikaela milena milton mirela mirella miriam mirian moacir mohamed moises monalisa
    monica monique murillo murilo myllena nadia nadir nagib naiara nair naomi nara narciso natalia natanael
    natasha nathalia nathalie nathan nazareth neide neiva neli nelma nelson nereu nestor neusa neuza neyde
    nicanor nicolas nicolau nicole nicolly nilce nilda nilson nilton nilza nina nivaldo nivea noeli noelia noemi
    norberto odair odete odilon ofelia olavo omar olga olimpia olindina olinto onofre orlando oscar osmar osorio
    osvaldina osvaldo oswaldo otacilio otavia otavio otilia otoniel ovidio palmira pamela paola paolo pascoal
    patricia patricio paula paulina paulino paulo pedrina pedrinho pedro penelope petronio pietra pietro plinio
    poliana policarpo polyana porfirio priscila priscilla quezia quirino quiteria rafael rafaela rafaella raiane
    railda raildo raimunda raimundo rainara raissa ramiro ramon raniel raoni raphael raquel raquelly raul rayane
    rayanne rayssa rebeca regiane regina reginaldo regis reinaldo renan renata renato renilda renildo rhuan
    ricardo richarlison rita rivaldo rivelino roberta roberto roberval robinson robson rodolfo rodolpho rodrigo
    roger rogeria rogerio romario romeu romilda romildo romulo ronald ronaldo ronan roney ronildo ronilson roque
    rosalia rosalina rosalinda rosana rosane rosangela rosaria roseli rosely rosemary rosemeire rosemere
    rosenilda rosiane rosicleide rosilda rosilene rosimar rosimeire rosimeri rosinha rosivaldo ruan ruben rubens
    rubia rudolf rufino rui ruth ruy sabino sabrina salete salim salomao salome salustiano samanta samara samir
    samira samuel samuele sandra sandro sarah sarita saulo sayonara sayuri sebastiana sebastiao selma serafim
    sergiana sergio severina severino sheila sibele sidnei sidneia sidney silas silmara silvana silvania silvano
    silveria silvestre silvia silvina silvio simao simara simone sofia solange sonia sophia soraia soraya
    stefany stela stella stephanie suelem suelen sueli suellen suely sulamita susana susi suzana suzane suzete
    suzy tabata tainara taisa taissa takashi talita tamara tamires tamiris tania tanira tarcila tarcisio tarsila
    tassia tassiane tatiana tatiane telma teodora teodoro teresa teresinha tereza terezinha thaiane thaina thais
    thaisa thales thalia thalita thayane thayna therezinha thiago tiago tiburcio timoteo tobias tomasia tomaz
    tupa ubirajara ubirata ubiratan uelinton ulisses ulrich ursula ursulina vagner valda valdeci valdemar
    valdemir valdenir valdete valdinei valdineia valdir valdirene valdivino valentim valentina valentino valeria
    valeriana valesca valmir valquiria valter vanda vandeilson vanderlei vanderleia vandira vanessa vania
    vanilda vanilson vantuil vera verena veronica vicencia vicente vicentina victor vilma vilmar vilson vinicius
    violante virgilio vitor vivian viviana viviane vivien wagna wagner walace waldemar waldir walkiria wallace
    walmir walquiria walter wanda wander wanderlei wanderleia wanderson warley washington welington weliton
    wellington wellyson wendel wendell wesclei weslei wesley weverton wilhelm wilian william willian wilma
    wilmar wilson wladimir yago yara yasmim yasmin ygor yoko yolanda yuki yumi yuri yussef zacarias zaira
    zeferino zelia zelma zenaide zenilda zilda zilma zoraide zuleica zuleide zulmira zuri
    """.split()
)

SURNAMES = frozenset(
    """
    abdalla abrantes abreu accioly aguiar albuquerque alcantara alencar alencastro almeida alves amado amancio
    amaral amorim andrade antunes aragao arantes araripe araujo arcanjo arruda assad assis avila azeredo azevedo
    bacelar baniwa barbosa barcelos barreiros barreto barros barroso bastos batista bauer becker beltrao
    bernardes bessa bezerra bianchi bittencourt boaventura borges bortolotto braga braganca brandao brandt brito
    bueno bulhoes cabral caetano caldas calixto camargo campelo canuto capistrano cardoso carmona carneiro
    carrilho carvalhal carvalho casagrande castro catunda cavalcante cavalcanti chagas chaves chedid cirino
    coelho colombo cordeiro correa correia costa coutinho crespo cunha cury damasceno damasio dantas dias
    domingues drummond duarte dutra estevao esteves evangelista evaristo falcao farah faria farias felix
    fernandes ferrao ferrari ferraro ferraz ferreira figueiredo fischer fiuza florencio fonseca fontana
    fontenele fraga franco freitas frota fujimoto furtado gadelha galvao garcia gaspar godoi godoy gomes
    goncalves goulart gouvea gouveia guedes guerra guimaraes gusmao haddad hayashi hoffmann ishikawa jafet
    jatoba junqueira justino kaiowa kalil kaminski kato kfouri kimura kobayashi koch kondo kowalski kruger
    lacerda lameira leal leite lemos lima lobato lombardi lopes lorenzon lourenco lustosa macedo machado maciel
    magalhaes maia maluf mansur marchetti marinho marques martins mascarenhas matos matsumoto mattos medeiros
    meireles melchior mello melo mendes menezes mesquita meyer milhomem minervino miranda monteiro montenegro
    moraes morais morato moreira moretti mota motta moura muller muniz nakamura nakashima nascimento nasser
    nassif neumann neves nobrega nogueira noronha novaes novais nowak nunes okada oliveira ornelas pacheco
    padilha paiva paixao palhares paranhos paulino pedrosa pedroso peixoto pellegrini penna pereira peres perez
    picanco pimentel pinheiro pinho pinto pires pitanga pitta portela prates proenca quaresma queiroz quintela
    quintino rabelo ramalho ramos rangel regis resende rezende ribeiro ricci richter rizzo rocha rodrigues roriz
    rossi saito sakamoto saldanha sales salgueiro salim salles salomao sampaio sanches santana santiago santini
    santoro santos saraiva sarkis sarmento sasaki sato schmidt schneider schroeder schulz schwarz seabra senna
    serpa shimizu silva silveira simoes siqueira soares sobral sobrinho sodre sousa souza soveral stefani suzuki
    takahashi tanaka tavares teixeira teles tenorio tinoco toledo torres toscano travassos trindade uchoa uehara
    valadao valadares valenca valerio varejao varela vargas vasconcelos vasques vaz veiga veloso ventura veras
    verissimo viana vidal viegas vieira vilar vilela villar villas villela vitorino wagner watanabe weber
    werneck werner wojciechowski wolff xavier ximenes yamada yamaguchi yamamoto yamashita yawanawa yoshida zago
    zaidan zanella zanetti zimmermann
    """.split()
)
