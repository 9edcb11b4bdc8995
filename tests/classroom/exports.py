"""A class as each platform exports its grades: twins, accents, somebody who handed in nothing."""

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Kernels (555),Essay (556),Final Score
,,,,,,Manual Posting,
    Points Possible,,,,,100.00,10.00,(read only)
"García-Núñez, José María",101,s101,jgarcia,"CS 249, Lecture",,9.5,95
"Smith, John",102,s102,jsmith,L1,,,
"Smith, John",207,s207,jsmith2,L1,77,,
"=cmd|'/c calc'!A1, Eve",104,s104,eve,L1,,-1,
"Absent, Ann",105,s105,aabsent,L1,EX,,
"Student, Test",199,,abcdef,L1,,,
"""
MOODLE = """\
Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 101","José María García-Núñez",s101,jg@x.org,"Submitted for grading",,100.00,Yes,-,-,
"Participant 102","John Smith",s102,j1@x.org,"Submitted for grading",,100.00,Yes,"Monday, 2 March 2026",-,
"Participant 207","John Smith",s207,j2@x.org,"Submitted for grading",55.00,100.00,Yes,-,-,"@SUM(A1)"
"Participant 104","Eve Li",s104,e@x.org,"Submitted for grading",,100.00,Yes,-,-,
"Participant 105","Ann Absent",s105,a@x.org,"No submission",,100.00,Yes,-,-,
"""
BLACKBOARD = (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Kernels [Total Pts: 100 Score] |5551"\t'
    '"Essay [Total Pts: 10 Score] |5552"\n'
    '"García-Núñez"\t"José María"\t"101"\t"s101"\t""\t"7"\n'
    '"Smith"\t"John"\t"102"\t"s102"\t""\t""\n'
    '"Smith"\t"John"\t"207"\t"s207"\t""\t""\n'
    '"Li"\t"Eve"\t"104"\t"s104"\t""\t""\n'
    '"Absent"\t"Ann"\t"105"\t"s105"\t""\t""\n'
)
BRIGHTSPACE = """\
OrgDefinedId,Username,Last Name,First Name,Kernels Points Grade <Numeric MaxPoints:100 Weight:10>,\
Essay Points Grade <Numeric MaxPoints:5>,End-of-Line Indicator
#101,#jgarcia,García-Núñez,José María,,4,#
#102,#jsmith,Smith,John,,,#
#207,#jsmith2,Smith,John,,,#
#104,#eve,Li,Eve,,,#
#105,#aabsent,Absent,Ann,,,#
"""
GRADESCOPE = """\
First Name,Last Name,SID,Email,Sections,Total Score,Max Points,Status,Submission ID
José María,García-Núñez,101,jg@x.org,,,100.0,Ungraded,9001
John,Smith,102,j1@x.org,,,100.0,Ungraded,9002
John,Smith,207,j2@x.org,,,100.0,Ungraded,9003
Eve,Li,104,e@x.org,,,100.0,Ungraded,9004
Ann,Absent,105,a@x.org,,,100.0,Missing,
"""
EXPORTS = {
    "canvas": (CANVAS, "utf-8-sig", "ID", "Kernels (555)"),
    "moodle": (MOODLE, "utf-8", "Identifier", "Grade"),
    "blackboard": (BLACKBOARD, "utf-16", "Username", "Kernels [Total Pts: 100 Score] |5551"),
    "brightspace": (BRIGHTSPACE, "utf-8", "OrgDefinedId",
                    "Kernels Points Grade <Numeric MaxPoints:100 Weight:10>"),
    "gradescope": (GRADESCOPE, "cp1252", "SID", "Total Score"),
}  # fmt: skip


def export(tmp_path, platform):
    text, encoding, _, _ = EXPORTS[platform]
    path = tmp_path / f"export-{platform}.csv"
    path.write_bytes(text.encode(encoding))
    return path
